// Calls each function that a client's program exports and prints as JSON what each of them saw; see play.py.

import { pathToFileURL } from "node:url";

const program = await import(pathToFileURL(process.argv[2]).href);
const seen = {};
for (const [name, feature] of Object.entries(program)) {
  try {
    seen[name] = await feature();
  } catch (error) {
    seen[name] = { failed: error.stack };
  }
}
console.log(JSON.stringify(seen));
