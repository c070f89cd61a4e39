// What is made of app/messages/en.json: the type that makes a missing key or argument a compile error, and
// the two pseudo-languages. `npm run messages` writes it; a test says where it is out of date.
import { readFileSync, writeFileSync } from "node:fs";
import { parse, TYPE } from "@formatjs/icu-messageformat-parser";
import { printAST } from "@formatjs/icu-messageformat-parser/printer.js";

/** @param {string} language */
export const readCatalog = (language) =>
  JSON.parse(readFileSync(new URL(`app/messages/${language}.json`, import.meta.url), "utf8"));

const LETTERS = "aàbƀcçdďeéfƒgğhĥiîjĵkķlļmɱnñoöpþqǫrŕsštţuûvṽwŵxẋyýzž";
const accented = new Map(
  [...LETTERS.matchAll(/(.)(.)/gu)].flatMap(
    ([, plain = "", accent = ""]) =>
      /** @type {[string, string][]} */ ([
        [plain, accent],
        [plain.toUpperCase(), accent.toUpperCase()],
      ]),
  ),
);

/** Accents on every letter, and a vowel more for every third: 40 % longer in all. @param {string} text */
const lengthen = (text) =>
  text.replace(/\p{L}/gu, (letter) => accented.get(letter) ?? letter).replace(/[àéîöû]/gu, "$&$&");

/** From right to left whatever the letters, word by word, so that lines still break. @param {string} text */
const mirror = (text) => text.replace(/[^\s]+/gu, "\u202e$&\u202c");

/**
 * @param {import("@formatjs/icu-messageformat-parser").MessageFormatElement[]} elements
 * @param {(text: string) => string} change
 */
function changeTexts(elements, change) {
  for (const element of elements) {
    if (element.type === TYPE.literal) element.value = change(element.value);
    if (element.type === TYPE.tag) changeTexts(element.children, change);
    if (element.type === TYPE.plural || element.type === TYPE.select)
      for (const { value } of Object.values(element.options)) changeTexts(value, change);
  }
  return elements;
}

/**
 * @param {unknown} catalog
 * @param {(message: string) => string} change
 * @returns {unknown}
 */
function mapMessages(catalog, change) {
  if (typeof catalog === "string") return change(catalog);
  return Object.fromEntries(
    Object.entries(/** @type {object} */ (catalog)).map(([key, value]) => [
      key,
      mapMessages(value, change),
    ]),
  );
}

/** @type {(message: string) => string} */
const longer = (message) => `[${printAST(changeTexts(parse(message), lengthen))}]`;
/** @type {(message: string) => string} */
const mirrored = (message) => printAST(changeTexts(parse(message), mirror));

/** @returns every file that is made, by its name */
export function madeFiles() {
  const en = readCatalog("en");
  const json = (/** @type {unknown} */ value) => `${JSON.stringify(value, null, 2)}\n`;
  return {
    "catalog.ts": `/** Made of en.json by \`npm run messages\`. */\nexport type Catalog = ${JSON.stringify(en, null, 2)};\n`,
    "en-XA.json": json(mapMessages(en, longer)),
    "ar-XB.json": json(mapMessages(en, mirrored)),
  };
}

if (process.argv[1] === import.meta.filename)
  for (const [name, text] of Object.entries(madeFiles()))
    writeFileSync(new URL(`app/messages/${name}`, import.meta.url), text);
