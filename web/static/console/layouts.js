// Keyboards that a server may be set to: per character the key (its DOM code) and what is held with it.
// A row has the characters of the keys of ROWS, plain and with Shift; `other` what AltGr gives.

const ROWS = [
  ["Backquote", "Digit1", "Digit2", "Digit3", "Digit4", "Digit5", "Digit6", "Digit7", "Digit8", "Digit9", "Digit0", "Minus", "Equal"],
  ["KeyQ", "KeyW", "KeyE", "KeyR", "KeyT", "KeyY", "KeyU", "KeyI", "KeyO", "KeyP", "BracketLeft", "BracketRight"],
  ["KeyA", "KeyS", "KeyD", "KeyF", "KeyG", "KeyH", "KeyJ", "KeyK", "KeyL", "Semicolon", "Quote", "Backslash"],
  ["IntlBackslash", "KeyZ", "KeyX", "KeyC", "KeyV", "KeyB", "KeyN", "KeyM", "Comma", "Period", "Slash"],
];

const KEYBOARDS = {
  us: {
    title: "English (US)",
    plain: ["`1234567890-=", "qwertyuiop[]", "asdfghjkl;'\\", " zxcvbnm,./"],
    shift: ["~!@#$%^&*()_+", "QWERTYUIOP{}", "ASDFGHJKL:\"|", " ZXCVBNM<>?"],
    other: {},
  },
  uk: {
    title: "English (UK)",
    plain: ["`1234567890-=", "qwertyuiop[]", "asdfghjkl;'#", "\\zxcvbnm,./"],
    shift: ["¬!\"£$%^&*()_+", "QWERTYUIOP{}", "ASDFGHJKL:@~", "|ZXCVBNM<>?"],
    other: { "€": "Digit4", "¦": "Backquote" },
  },
  de: {
    title: "German",
    plain: [" 1234567890ß ", "qwertzuiopü+", "asdfghjklöä#", "<yxcvbnm,.-"],
    shift: ["°!\"§$%&/()=? ", "QWERTZUIOPÜ*", "ASDFGHJKLÖÄ'", ">YXCVBNM;:_"],
    other: { "@": "KeyQ", "€": "KeyE", "{": "Digit7", "[": "Digit8", "]": "Digit9", "}": "Digit0", "\\": "Minus", "~": "BracketRight", "|": "IntlBackslash", "²": "Digit2", "³": "Digit3", "µ": "KeyM" },
  },
  fr: {
    title: "French",
    plain: ["²&é\"'(-è_çà)=", "azertyuiop $", "qsdfghjklmù*", "<wxcvbn,;:!"],
    shift: [" 1234567890°+", "AZERTYUIOP £", "QSDFGHJKLM%µ", ">WXCVBN?./§"],
    other: { "~": "Digit2", "#": "Digit3", "{": "Digit4", "[": "Digit5", "|": "Digit6", "`": "Digit7", "\\": "Digit8", "^": "Digit9", "@": "Digit0", "]": "Minus", "}": "Equal", "€": "KeyE" },
  },
};

const keysOf = ({ plain, shift, other }) => {
  const keys = new Map([[" ", { code: "Space" }], ["\n", { code: "Enter" }], ["\t", { code: "Tab" }]]);
  ROWS.forEach((row, line) => row.forEach((code, at) => {
    for (const [list, held] of [[plain, {}], [shift, { shift: true }]]) {
      const sign = list[line][at];
      if (sign && sign !== " " && !keys.has(sign)) keys.set(sign, { code, ...held });
    }
  }));
  for (const [sign, code] of Object.entries(other)) if (!keys.has(sign)) keys.set(sign, { code, altgr: true });
  return keys;
};

export const layouts = Object.entries(KEYBOARDS).map(([name, keyboard]) => ({ name, title: keyboard.title, keys: keysOf(keyboard) }));

// The browser's own guess: of a German person's browser, a German keyboard.
export const likely = () => {
  const language = navigator.language.toLowerCase();
  if (language.startsWith("de")) return "de";
  if (language.startsWith("fr")) return "fr";
  return language === "en-gb" ? "uk" : "us";
};
