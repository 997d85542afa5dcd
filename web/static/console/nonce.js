// What a library styles by itself, in the ways that the content security policy allows: style elements bear the page's
// nonce, style attributes are set as properties.
"use strict";
(() => {
  const { nonce } = document.currentScript.dataset;
  const make = document.createElement.bind(document);
  document.createElement = (name, options) => {
    const element = make(name, options);
    if (String(name).toLowerCase() === "style") element.nonce = nonce;
    return element;
  };
  const set = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function setAttribute(name, value) {
    if (String(name).toLowerCase() === "style" && this.style) this.style.cssText = value;
    else set.call(this, name, value);
  };
})();
