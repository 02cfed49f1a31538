// Keeps this page up to date while `make dev` runs. In production there is nothing of it.
(() => {
  "use strict";
  const [process, version] = new URL(document.currentScript.src).search.slice(1).split(".");
  let shown = Number(version); // the version of the files that this page shows
  let stream, retry, silence;
  let delay = 10; // milliseconds, until the next try

  function connect() {
    if (stream || document.visibilityState === "hidden") return;
    clearTimeout(retry);
    stream = new EventSource("/_dev/events");
    stream.onmessage = (event) => {
      clearTimeout(silence);
      silence = undefined;
      delay = 10;
      update(JSON.parse(event.data));
    };
    stream.onerror = () => { // the server is replaced, or gone
      stream.close();
      stream = undefined;
      retry = setTimeout(connect, delay);
      delay = Math.min(2 * delay, 1000);
      silence ??= setTimeout(show, 2000, "No answer from the server", "The terminal with make dev says why. This page comes back by itself.");
    };
  }

  function disconnect() {
    clearTimeout(retry);
    clearTimeout(silence);
    stream?.close();
    stream = silence = undefined;
  }

  // HTTP/1.1 has six connections for all tabs together, so those that nobody sees leave theirs. They are told what
  // they missed when they are looked at again.
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" ? disconnect() : connect());
  window.addEventListener("pagehide", disconnect);
  window.addEventListener("pageshow", connect);

  function update(state) {
    if (state.problem) return show(state.problem.title, state.problem.text);
    hide();
    if (state.process !== process || state.reload > shown) {
      history.replaceState(history.state, "", location.href); // so that the answer to a form is asked for, and the form not sent again
      return location.reload();
    }
    if (state.version > shown) restyle();
    shown = state.version;
  }

  // A style sheet is replaced once its successor is there, so that the page never stands without.
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

  // The overlay has a shadow tree and a constructed style sheet, so that it and the page leave each other alone, and a
  // strict content security policy has no objection.
  const css = `
    :host { all: initial; }
    dialog {
      color-scheme: light dark;
      --ink: light-dark(#1d2421, #e8ecea); --soft: light-dark(#5a6762, #a3b0aa); --paper: light-dark(#fff, #1a201e);
      --line: light-dark(#dfe5e2, #323c38); --code: light-dark(#f5f7f6, #131816); --accent: light-dark(#a8322a, #ff9d92);
      box-sizing: border-box; width: min(60rem, calc(100vw - 2rem)); max-width: none; max-height: calc(100dvh - 4rem);
      margin: auto; padding: 1.5rem; overflow: auto; border: 1px solid var(--line); border-radius: .75rem; outline: none;
      background: var(--paper); color: var(--ink); box-shadow: 0 1.25rem 3.5rem #0006; font: 1rem/1.55 system-ui, sans-serif;
    }
    dialog::backdrop { background: light-dark(#e9eeebcc, #080b0acc); }
    header { display: flex; align-items: baseline; gap: 1rem; }
    h1 { flex: 1; margin: 0; font-size: 1.25rem; line-height: 1.3; letter-spacing: -.01em; }
    h1::before { content: ""; display: inline-block; width: .6rem; height: .6rem; margin-right: .65rem; border-radius: 50%; background: var(--accent); }
    button { border: 1px solid var(--line); border-radius: .4rem; padding: .15rem .7rem; background: none; color: var(--soft); font: inherit; font-size: .875rem; cursor: pointer; }
    button:hover { color: var(--ink); border-color: currentColor; }
    button:focus-visible, pre:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
    pre {
      margin: 1rem 0; padding: .9rem 1rem; overflow-x: auto; border-radius: .5rem; background: var(--code); tab-size: 4;
      font: .875rem/1.6 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere;
    }
    pre b { color: var(--accent); font-weight: 600; }
    p { margin: 0; color: var(--soft); font-size: .875rem; }
    @media (prefers-reduced-motion: no-preference) { dialog { animation: come .12s ease-out; } @keyframes come { from { opacity: 0; } } }
  `;
  let host, told;

  function show(title, text) {
    if (told === title + text) return;
    hide();
    told = title + text;
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
    for (const line of text.trim().split("\n")) { // where to look stands out
      const place = /^\s*(?:\S+\.(?:go|html|mod|env)(?::\d+)+|\.env|[A-Z_]{2,}(?=[=:]))/.exec(line)?.[0] ?? "";
      pre.append(make("b", place), line.slice(place.length) + "\n");
    }
    dialog.append(header, pre, make("p", "Save the mended file, and this page comes back by itself."));
    root.append(dialog);
    document.documentElement.append(host);
    dialog.showModal();
    dialog.focus(); // and not its button
  }

  function hide() {
    host?.shadowRoot.firstChild.close(); // gives the focus back
    host?.remove();
    host = told = undefined;
  }

  function make(name, text = "") {
    const element = document.createElement(name);
    element.textContent = text;
    return element;
  }

  connect();
})();
