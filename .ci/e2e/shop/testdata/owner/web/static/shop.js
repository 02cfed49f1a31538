// Shows what is left of each product, whoever buys.
new EventSource("/events").addEventListener("products", ({ data }) => {
  for (const { id, stock } of JSON.parse(data)) {
    const left = document.querySelector(`[data-product="${id}"]`);
    if (left) left.textContent = stock;
  }
});
