// Visits the URL that the first argument is with the Chromium that listens on the port of the second, and prints the
// result.
import lighthouse from "lighthouse";

const [url, port] = process.argv.slice(2);
const { lhr } = await lighthouse(url, {
  port: Number(port),
  onlyCategories: ["performance", "accessibility", "best-practices", "seo"],
});
console.log(JSON.stringify(lhr));
