/**
 * The API's documentation as people use it: searched, tried out, dark where the reader's screen is.
 * Swagger UI from its package, served by us; without it the page is the plain list under it.
 */
(() => {
  const chosen = localStorage.getItem("darkroom.theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const colour = () => {
    const dark = chosen === "dark" || (chosen !== "light" && system.matches);
    document.documentElement.classList.toggle("dark-mode", dark);
  };
  colour();
  system.addEventListener("change", colour);

  const place = document.getElementById("viewer");

  /** What is typed is looked for in all that is said of a route, not in the names of groups alone. */
  const search = (groups, asked) => {
    const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
    const says = (route) => {
      const operation = route.get("operation");
      const text = [route.get("path"), route.get("method"), operation.get("summary"), operation.get("description"), ...(operation.get("tags") ?? [])];
      const whole = text.join("\n").toLowerCase();
      return words.every((each) => whole.includes(each));
    };
    return groups.map((group) => group.set("operations", group.get("operations").filter(says))).filter((group) => group.get("operations").size > 0);
  };

  /** Groups that a search unfolded, so that what it found is seen; they fold when it is over. */
  const unfolded = new Set();
  const unfolding = (original, { specSelectors, layoutActions }) => (asked) => {
    const answer = original(asked);
    const found = asked ? new Set(search(specSelectors.taggedOperations(), asked).keySeq()) : new Set();
    for (const tag of [...unfolded, ...found]) {
      layoutActions.show(["operations-tag", tag], found.has(tag));
      if (found.has(tag)) unfolded.add(tag);
      else unfolded.delete(tag);
    }
    return answer;
  };

  SwaggerUIBundle({
    domNode: place,
    url: place.dataset.document,
    deepLinking: true,
    filter: true,
    plugins: [
      { fn: { opsFilter: search } },
      { statePlugins: { layout: { wrapActions: { updateFilter: unfolding } } } },
    ],
    docExpansion: "none",
    defaultModelsExpandDepth: -1,
    displayRequestDuration: true,
    syntaxHighlight: { theme: "arta" },
    // No server of others is asked what it thinks of the document.
    validatorUrl: null,
    // What shows the server that a page of its own asks, and not a foreign one.
    requestInterceptor: (request) => {
      request.headers["X-Darkroom-Request"] = "page";
      return request;
    },
    onComplete: () => {
      document.getElementById("plain").hidden = true;
      const field = place.querySelector(".operation-filter-input");
      field?.setAttribute("placeholder", "Search the routes");
      field?.setAttribute("aria-label", "Search the routes");
    },
  });
})();
