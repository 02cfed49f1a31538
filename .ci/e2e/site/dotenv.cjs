// Reads a JSON list of texts from a file and prints what Node's dotenv makes of each.
const fs = require("node:fs");
const dotenv = require("dotenv");

const texts = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
console.log(JSON.stringify(texts.map((text) => dotenv.parse(text))));
