// Keeps this page up to date while `make dev` runs. Production does not serve it.
(() => {
  "use strict";
  const [process, version] = new URL(document.currentScript.src).search.slice(1).split(".");
  let shown = Number(version); // the version of the files that this page shows
  let stream;
  let retry; // the timer of the next connection
  let noAnswer; // the timer of the overlay that says that the server does not answer
  let delay = 10; // milliseconds until the next connection; doubled up to a second

  function connect() {
    if (stream || document.visibilityState === "hidden") return;
    clearTimeout(retry);
    stream = new EventSource("/_dev/events");
    stream.onmessage = (event) => {
      clearTimeout(noAnswer);
      noAnswer = undefined;
      delay = 10;
      update(JSON.parse(event.data));
    };
    stream.onerror = () => { // the server is being replaced, or has ended
      stream.close();
      stream = undefined;
      retry = setTimeout(connect, delay);
      delay = Math.min(2 * delay, 1000);
      noAnswer ??= setTimeout(show, 2000, "No answer from the server",
        "The terminal with make dev shows why. This page continues when the server answers.");
    };
  }

  function disconnect() {
    clearTimeout(retry);
    clearTimeout(noAnswer);
    stream?.close();
    stream = noAnswer = undefined;
  }

  // Browsers open six HTTP/1.1 connections to a host, for all tabs together. So a hidden tab closes its stream. Once it
  // is visible again, the first event tells it what it missed.
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" ? disconnect() : connect());
  window.addEventListener("pagehide", disconnect);
  window.addEventListener("pageshow", connect);

  function update(state) {
    if (state.problem) return show(state.problem.title, state.problem.text);
    hide();
    if (state.process !== process || state.reload > shown) {
      // A page that answered a form is then reloaded with GET, and the form is not sent again.
      history.replaceState(history.state, "", location.href);
      return location.reload();
    }
    if (state.version > shown) restyle();
    shown = state.version;
  }

  // Removes a style sheet only after its new version has loaded, so that the page is never without one.
  function restyle() {
    for (const link of document.querySelectorAll("link[rel~=stylesheet]")) {
      const url = new URL(link.href);
      if (url.origin !== location.origin) continue;
      url.searchParams.set("edited", Date.now());
      const next = link.cloneNode();
      next.href = url;
      next.onload = () => link.remove();
      next.onerror = () => next.remove();
      link.after(next);
    }
  }

  // The overlay has a shadow tree, so that its styles and those of the page do not mix. Its style sheet is constructed,
  // which a strict content security policy allows.
  const css = `
    :host { all: initial; }
    dialog {
      color-scheme: light dark;
      --ink: light-dark(#1d2421, #e8ecea); --soft: light-dark(#5a6762, #a3b0aa); --paper: light-dark(#fff, #1a201e);
      --line: light-dark(#dfe5e2, #323c38); --code: light-dark(#f5f7f6, #131816);
      --accent: light-dark(#a8322a, #ff9d92);
      box-sizing: border-box; width: min(60rem, calc(100vw - 2rem)); max-width: none; max-height: calc(100dvh - 4rem);
      margin: auto; padding: 1.5rem; overflow: auto;
      border: 1px solid var(--line); border-radius: .75rem; outline: none; box-shadow: 0 1.25rem 3.5rem #0006;
      background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif;
    }
    dialog::backdrop { background: light-dark(#e9eeebcc, #080b0acc); }
    header { display: flex; align-items: baseline; gap: 1rem; }
    h1 { flex: 1; margin: 0; font-size: 1.25rem; line-height: 1.3; letter-spacing: -.01em; }
    h1::before {
      content: ""; display: inline-block; width: .6rem; height: .6rem; margin-right: .65rem; border-radius: 50%;
      background: var(--accent);
    }
    button {
      border: 1px solid var(--line); border-radius: .4rem; padding: .15rem .7rem;
      background: none; color: var(--soft); font: inherit; font-size: .875rem; cursor: pointer;
    }
    button:hover { color: var(--ink); border-color: currentColor; }
    button:focus-visible, pre:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
    pre {
      margin: 1rem 0; padding: .9rem 1rem; overflow-x: auto; border-radius: .5rem; background: var(--code); tab-size: 4;
      font: .875rem/1.6 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
      white-space: pre-wrap; overflow-wrap: anywhere;
    }
    pre b { color: var(--accent); font-weight: 600; }
    p { margin: 0; color: var(--soft); font-size: .875rem; }
    @media (prefers-reduced-motion: no-preference) {
      dialog { animation: appear .12s ease-out; }
      @keyframes appear { from { opacity: 0; } }
    }
  `;
  let host; // the overlay's element
  let shownText; // title and text of the overlay, if it is shown

  function show(title, text) {
    if (shownText === title + text) return;
    hide();
    shownText = title + text;
    host = document.createElement("make-dev");
    const root = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    const dialog = make("dialog");
    dialog.setAttribute("role", "alert");
    dialog.setAttribute("aria-labelledby", "title");
    dialog.tabIndex = -1;
    const heading = make("h1", title);
    heading.id = "title";
    const button = make("button", "Hide");
    button.title = "Esc";
    button.onclick = () => dialog.close();
    const header = make("header");
    header.append(heading, button);
    const pre = make("pre");
    pre.tabIndex = 0;
    for (const line of text.trim().split("\n")) { // file and line, or the name of a setting, are bold
      const place = /^\s*(?:\S+\.(?:go|html|mod|env)(?::\d+)+|\.env|[A-Z_]{2,}(?=[=:]))/.exec(line)?.[0] ?? "";
      pre.append(make("b", place), line.slice(place.length) + "\n");
    }
    dialog.append(header, pre, make("p", "Save the corrected file, and this page reloads."));
    root.append(dialog);
    document.documentElement.append(host);
    dialog.showModal();
    dialog.focus(); // otherwise the browser would focus the button
  }

  function hide() {
    host?.shadowRoot.firstChild.close(); // which returns the focus to the page
    host?.remove();
    host = shownText = undefined;
  }

  function make(name, text = "") {
    const element = document.createElement(name);
    element.textContent = text;
    return element;
  }

  connect();
})();
