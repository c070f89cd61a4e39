import type { ImportField } from "./columns";

/** Blanks that nobody sees: no-break, narrow and zero-width ones, marks of a byte order. */
const UNSEEN = /[\u00a0\u1680\u180e\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]/g;

/**
 * A cell as it was meant, where a spreadsheet has left it otherwise: without blanks around it and unseen ones
 * in it, without what keeps a number a text (`'0420`, `="0420"`). An address loses what a mail program puts
 * around it, and the case of its domain, which no mail server minds. A password is what it is, to the last
 * blank.
 */
export function normaliseCell(field: ImportField, cell: string): string {
  if (field === "password") return cell;
  const text = asText(cell.replace(UNSEEN, " ").replace(/\s+/g, " ").trim());
  switch (field) {
    case "email":
      return normaliseAddress(text);
    case "pin":
      return text.replaceAll(" ", "");
    case "language":
      return text.replaceAll("_", "-");
    default:
      return text;
  }
}

function asText(text: string): string {
  const [, formula] = /^="([^"]*)"$/.exec(text) ?? [];
  return (formula ?? text.replace(/^'/, "")).trim();
}

function normaliseAddress(text: string): string {
  const [, inBrackets] = /<([^<>\s]+)>$/.exec(text) ?? [];
  const address = (inBrackets ?? text).replace(/^mailto:/i, "");
  const at = address.lastIndexOf("@");
  return at === -1 ? address : address.slice(0, at) + address.slice(at).toLowerCase();
}
