// Airflow shows these pages in a frame. This makes them look like the page around it, and takes links that lead out of
// the frame out of it. Without it everything can be read all the same.
(() => {
  "use strict";
  let outer = null;
  try {
    outer = window.parent === window ? null : window.parent.document;
  } catch {
    // The page around is somebody else's.
  }
  if (outer === null) return;

  const root = document.documentElement;
  root.dataset.framed = "";
  const follow = () => {
    const theme = ["dark", "light"].find((each) => outer.documentElement.classList.contains(each));
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  follow();
  new MutationObserver(follow).observe(outer.documentElement, { attributeFilter: ["class"], attributes: true });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-outside]");
    if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
    // The frame may neither leave itself nor, in some versions of Airflow, download; the page around it may both.
    event.preventDefault();
    const twin = outer.createElement("a");
    twin.href = link.href;
    if (link.hasAttribute("download")) twin.download = "";
    outer.body.append(twin);
    twin.click();
    twin.remove();
  });
})();
