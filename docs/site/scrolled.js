// Tables that scroll sideways on a phone can be reached by the keyboard.
addEventListener("load", () => setTimeout(() => {
  for (const wide of document.querySelectorAll(".md-typeset__scrollwrap, math[display=block], .md-typeset pre > code")) wide.tabIndex = 0;
}, 200));
