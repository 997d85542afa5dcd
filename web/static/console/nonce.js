// Style elements that a library makes bear the page's nonce, which the content security policy asks for.
"use strict";
(() => {
  const { nonce } = document.currentScript.dataset;
  const make = document.createElement.bind(document);
  document.createElement = (name, options) => {
    const element = make(name, options);
    if (String(name).toLowerCase() === "style") element.nonce = nonce;
    return element;
  };
})();
