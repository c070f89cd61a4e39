import type { TestSmtpServer } from "./smtp";

/** @returns the token of the link to confirm a request, in a mail's text or its address */
export const confirmTokenIn = (text: string): string | undefined =>
  /\/reset\/confirm\?token=([\w-]{43})(?![\w-])/.exec(text)?.[1];

/** Waits for the newest mail that asks a mailbox to confirm. @returns its token */
export async function mailedConfirmToken(smtp: TestSmtpServer, email: string): Promise<string> {
  const mine = ({ to, text }: { to: readonly string[]; text: string }) =>
    to.some((one) => one.toLowerCase() === email.toLowerCase()) &&
    confirmTokenIn(text) !== undefined;
  await smtp.waitForMessage(mine, 20_000);
  return confirmTokenIn(smtp.messages.filter(mine).at(-1)?.text ?? "") ?? "";
}
