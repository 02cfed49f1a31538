// Shows at once which notes were added or deleted in another tab. Without this script the forms of the page still work.
const list = () => document.querySelector("#notes");

// show takes the list from a new copy of the page, so that the HTML of a note is in the template only.
async function show(version) {
  if (list().dataset.version === version) return;
  const answer = await fetch("/notes");
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const focused = list().contains(document.activeElement) ? document.activeElement.id : "";
  list().replaceWith(page.querySelector("#notes"));
  document.querySelector("#count").textContent = page.querySelector("#count").textContent;
  if (focused) (document.getElementById(focused) ?? document.querySelector("#text")).focus();
}

let source;
let shown = Promise.resolve(); // one after the other, so that the newest is shown last
function listen() {
  if (source && source.readyState !== EventSource.CLOSED) return;
  source = new EventSource("/notes/events");
  source.addEventListener("notes", ({ data }) => {
    shown = shown.then(() => show(data)).catch(console.warn);
  });
}

if (list().dataset.version) listen();
// A visitor without notes may write the first one in another tab, so listening starts when this tab is shown.
document.addEventListener("visibilitychange", () => document.hidden || listen());
