"""The service of one tree as a WSGI app: who may come in, what is read, and which change each request makes."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import flask
from werkzeug.wrappers import Request

from oobctl.lab.redfish_service.trees import (
    accounts,
    bios,
    boot,
    events,
    logs,
    media,
    power,
    properties,
    refusals,
    sessions,
    tasks,
)
from oobctl.lab.redfish_service.trees.asked import Asked, Recorded
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour, Lost
from oobctl.lab.redfish_service.trees.load import ROOT
from oobctl.lab.redfish_service.trees.passwords import ADMINISTRATOR, OPERATOR
from oobctl.lab.redfish_service.trees.resources import Action
from oobctl.lab.redfish_service.trees.state import State

Handler = Callable[[State, str, dict[str, Any]], flask.Response]

NO_ANSWER = "x-lab-no-answer"
"""A header that tells the server to close the connection in place of answering."""

ACTIONS: dict[str, Handler] = {
    "ComputerSystem.Reset": power.reset,
    "Manager.Reset": power.reset_bmc,
    "Bios.ResetBios": bios.reset,
    "VirtualMedia.InsertMedia": media.insert,
    "VirtualMedia.EjectMedia": media.eject,
    "LogService.ClearLog": logs.clear,
}
"""What the actions that a tree has do; any other answers 501."""

PATCHES: dict[str, Handler] = {"ComputerSystem": boot.patch, "Bios": bios.patch, "VirtualMedia": media.patch}
"""Resources that are changed by more than their plain properties (properties.WRITABLE)."""

_OPEN_TO_ALL = frozenset({"/redfish", ROOT, f"{ROOT}/odata", f"{ROOT}/$metadata"})


class TreeService:
    """One tree with its state, and any set of behaviours at once."""

    def __init__(self, state: State, behaviours: Sequence[Behaviour] = ()) -> None:
        self.state, self.behaviours = state, behaviours
        self.requests: list[Recorded] = []
        sessions.begin(state)
        for behaviour in behaviours:
            behaviour.prepare(state)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        time.sleep(sum(behaviour.delay for behaviour in self.behaviours))
        with self.state.lock:
            asked = Asked.of(request, self._path_of(request))
            try:
                answer = self._answer(asked)
            except Lost:
                self.requests.append(Recorded.of(asked, None))
                answer = flask.Response(headers={NO_ANSWER: "1"})
            else:
                self.requests.append(Recorded.of(asked, answer.status_code))
        answer.headers["OData-Version"] = "4.0"
        return answer(environ, start_response)

    def _path_of(self, request: Request) -> str:
        """A link may hold a path as it is written in URLs (%23); captures keep those."""
        written = str(request.environ["RAW_URI"]).partition("?")[0]
        path = written if written in self.state.resources else request.path
        return self.state.resources.canonical(path)

    def _answer(self, asked: Asked) -> flask.Response:
        answer = self._decide(asked)
        for behaviour in self.behaviours:
            answer = behaviour.amend(self.state, asked, answer)
        return answer

    def _decide(self, asked: Asked) -> flask.Response:
        for behaviour in self.behaviours:
            if (answer := behaviour.early(self.state, asked)) is not None:
                return answer
        if not self._is_open(asked) and (answer := self._who(asked)) is not None:
            return answer
        if asked.path not in self.state.resources and not self._is_known(asked.path):
            return refusals.not_here(asked.sent_path)
        for behaviour in self.behaviours:
            if (answer := behaviour.refuse(self.state, asked)) is not None:
                return answer
        return self._carry_out(asked)

    def _is_open(self, asked: Asked) -> bool:
        login = asked.method == "POST" and asked.path == self.state.sessions_path
        return login or (not asked.writes and asked.path in _OPEN_TO_ALL)

    def _is_known(self, path: str) -> bool:
        """It is no resource, but something can be asked of it."""
        if path == events.stream_path(self.state):
            return True
        return self.state.resources.action(path) is not None or tasks.find(self.state, path) is not None

    def _who(self, asked: Asked) -> flask.Response | None:
        """Let a request in, or say why not."""
        if asked.token is not None:
            asked.who = sessions.who_has(self.state, asked.token)
        elif asked.user is not None:
            asked.who = self.state.passwords.who(asked.user, asked.password)
            self.state.failed_logins += asked.who is None
        return refusals.no_session() if asked.who is None else None

    # --- what is asked -----------------------------------------------------------------------------------------------

    def _carry_out(self, asked: Asked) -> flask.Response:
        if not asked.writes:
            return self._get(asked)
        if asked.body is None:
            return refusals.failure(400, "MalformedJSON", "The request body is no JSON object.")
        if "if-match" in asked.headers and not self._matches(asked):
            return refusals.wrong_etag()
        change = {"POST": self._post, "PATCH": self._patch, "DELETE": self._delete}.get(asked.method)
        return change(asked) if change is not None else refusals.not_allowed(asked.sent_path)

    def _matches(self, asked: Asked) -> bool:
        wanted = {tag.strip().removeprefix("W/") for tag in asked.headers["if-match"].split(",")}
        return bool(wanted & {"*", self.state.resources.etag(asked.path).removeprefix("W/")})

    def _get(self, asked: Asked) -> flask.Response:
        task = tasks.find(self.state, asked.path)
        if task is not None and (answer := tasks.read(self.state, task, asked.path)) is not None:
            return answer
        if asked.path == events.stream_path(self.state):
            return events.stream(self.state)
        if asked.path not in self.state.resources:
            return refusals.not_allowed(asked.sent_path, "POST")  # the target of an action
        content = json.dumps(self.state.resources.content(asked.path))
        headers = {"ETag": self.state.resources.etag(asked.path)}
        return flask.Response(content, 200, headers, content_type="application/json")

    def _post(self, asked: Asked) -> flask.Response:
        assert asked.body is not None
        if asked.path == self.state.sessions_path:
            return sessions.create(self.state, asked)
        if asked.path == accounts.collection(self.state):
            return accounts.create(self.state, asked) if self._may(asked, ADMINISTRATOR) else refusals.not_permitted()
        if asked.path == events.collection(self.state):
            may = self._may(asked, ADMINISTRATOR, OPERATOR)
            return events.subscribe(self.state, asked.path, asked.body) if may else refusals.not_permitted()
        action = self.state.resources.action(asked.path)
        if action is None:
            return refusals.not_allowed(asked.sent_path)
        if not self._may(asked, ADMINISTRATOR, OPERATOR):
            return refusals.not_permitted()
        return self._act(action, asked.body)

    def _act(self, action: Action, body: dict[str, Any]) -> flask.Response:
        if action.name not in ACTIONS:
            return refusals.unknown_action(action.name)
        answer = ACTIONS[action.name](self.state, action.owner, body)
        if self.state.asynchronous is not None and answer.status_code < 400:
            return tasks.start(self.state, answer, self.state.asynchronous)
        return answer

    def _patch(self, asked: Asked) -> flask.Response:
        assert asked.body is not None
        kind = self.state.resources.kind(asked.path)
        if kind == "ManagerAccount":
            assert asked.who is not None
            return accounts.patch(self.state, asked.path, asked.body, asked.who)
        if kind not in PATCHES and kind not in properties.WRITABLE:
            return refusals.not_allowed(asked.sent_path)
        if not self._may(asked, ADMINISTRATOR, OPERATOR):
            return refusals.not_permitted()
        if not asked.body:
            return refusals.failure(400, "PropertyMissing", "The request has no property that can be changed.")
        if kind in PATCHES:
            return PATCHES[kind](self.state, asked.path, asked.body)
        resource = self.state.resources.at(asked.path)
        refused = properties.refusal(resource, asked.body, properties.WRITABLE[kind])
        if refused is None:
            self.state.did("PATCH", asked.path, asked.body)
            properties.apply(resource, asked.body)
        return refused or refusals.nothing()

    def _delete(self, asked: Asked) -> flask.Response:
        assert asked.who is not None
        if asked.path in self.state.sessions:
            return sessions.end(self.state, asked.path, asked.who)
        task = tasks.find(self.state, asked.path)
        kind = self.state.resources.kind(asked.path)
        if task is None and kind not in {"ManagerAccount", "EventDestination"}:
            return refusals.not_allowed(asked.sent_path)
        if not self._may(asked, ADMINISTRATOR):
            return refusals.not_permitted()
        if kind == "EventDestination":
            return events.unsubscribe(self.state, asked.path)
        return accounts.remove(self.state, asked.path) if task is None else tasks.remove(self.state, task)

    @staticmethod
    def _may(asked: Asked, *roles: str) -> bool:
        return asked.who is not None and asked.who.role in roles
