// Prints what the CSP Evaluator finds in the policy that the first argument is.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { CspEvaluator } = require("csp_evaluator/dist/evaluator.js");
const { CspParser } = require("csp_evaluator/dist/parser.js");

console.log(JSON.stringify(new CspEvaluator(new CspParser(process.argv[2]).csp).evaluate()));
