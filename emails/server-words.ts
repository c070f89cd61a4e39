import type { MailFailure } from "../app/messages/mail-failure-words";
import { oneLine } from "./mail-content";

const MAX_CHARACTERS = 300;
const PIECE = 8;

const bare = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, "");

/** Spam filters quote what they dislike, wrapped and re-cased: any piece of a secret counts. */
function quotes(text: string, secret: string): boolean {
  const said = bare(text);
  const kept = bare(secret);
  for (let start = 0; start + PIECE <= kept.length; start += 1)
    if (said.includes(kept.slice(start, start + PIECE))) return true;
  return false;
}

/**
 * What a mail server said, fit to be kept in the database and shown in the console.
 *
 * @param words the server's answer, or what became of the connection
 * @param secretUrl the link that was in the mail: no piece of its token remains
 * @returns one line of at most 300 characters; or a code, where it quoted the link
 */
export function keepableWords(words: string, secretUrl?: string): string {
  let kept = oneLine(words, { maxCharacters: 2000 });
  if (secretUrl !== undefined) {
    const url = new URL(secretUrl);
    const host = url.host.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    kept = kept.replace(new RegExp(`\\S*${host}\\S*`, "giu"), "[link]");
    for (const secret of url.searchParams.values())
      if (quotes(kept, secret)) return "quoted-link" satisfies MailFailure;
  }
  return oneLine(kept, { maxCharacters: MAX_CHARACTERS });
}
