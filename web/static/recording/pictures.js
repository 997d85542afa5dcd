// Pictures of the screen on a job's page: fetched from the gateway when somebody asks to see one.
import { Film } from "./film.js";

const as_data = (content) => new Promise((resolve) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.readAsDataURL(new Blob([content], { type: "image/png" }));
});

// The job's page is drawn anew while the job runs: the document hears.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-picture]");
  if (!button) return;
  const place = button.parentElement;
  const says = place.querySelector("[role=status]");
  button.disabled = true;
  says.textContent = "Fetching it …";
  try {
    const film = new Film(`/recordings/${button.dataset.picture}/key`);
    const index = await film.ask({ type: "index" });
    const image = document.createElement("img");
    image.alt = `The screen of ${document.getElementById("main").dataset.name}`;
    image.src = await as_data(await film.ask({ type: "chunk", number: 0 }));
    place.replaceChildren(image, Object.assign(document.createElement("p"), { className: "quiet", textContent: index.changed || "" }));
    film.socket?.close();
  } catch (error) {
    says.textContent = error.message;
    button.disabled = false;
  }
});
