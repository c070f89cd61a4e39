/** Crockford's base 32: no I, L, O and U, which are read or heard as something else. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARACTERS = 5;
/** What 25 bits leave of the id's first 32. */
const BITS_LEFT = 7;

/**
 * The short code by which a person, the console and the helpdesk name a request. It is made of the
 * request's id, which is random, so that nothing has to be kept, nor can be changed, for it: whoever
 * writes another code into the database has made another request of it, whose PIN does not open.
 *
 * @returns such as "K7-QF2"
 */
export function codeOfRequest(id: string): string {
  // Up to its first dash.
  const bits = Number.parseInt(id, 16) >>> BITS_LEFT;
  let code = "";
  for (let place = CHARACTERS - 1; place >= 0; place--)
    code += ALPHABET.charAt((bits >>> (5 * place)) & 31);
  return `${code.slice(0, 2)}-${code.slice(2)}`;
}

/** Every id that has a code lies between these two. */
export interface CodeRange {
  readonly lowestId: string;
  readonly highestId: string;
}

/**
 * @param text as people type a code: in either case, with or without its dash, O for 0, I or L for 1
 * @returns undefined where it is none
 */
export function parseRequestCode(text: string): CodeRange | undefined {
  const typed = text
    .toUpperCase()
    .replace(/[\s\p{Pd}]/gu, "")
    .replaceAll("O", "0")
    .replace(/[IL]/g, "1");
  const digits = [...typed].map((character) => ALPHABET.indexOf(character));
  if (digits.length !== CHARACTERS || digits.includes(-1)) return undefined;
  const bits = digits.reduce((sum, digit) => sum * 32 + digit, 0);
  const first = bits * 2 ** BITS_LEFT;
  const last = first + 2 ** BITS_LEFT - 1;
  const hex = (number: number) => number.toString(16).padStart(8, "0");
  return {
    lowestId: `${hex(first)}-0000-0000-0000-000000000000`,
    highestId: `${hex(last)}-ffff-ffff-ffff-ffffffffffff`,
  };
}
