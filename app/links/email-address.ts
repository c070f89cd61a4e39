/** What a mailbox's address looks like: enough to catch slips, never against a real one. */
export const looksLikeEmail = (text: string): boolean =>
  text.length <= 254 && /^[^\s@<>(),;:"]+@[^\s@<>(),;:"]+\.[^\s@<>(),;:".]+$/.test(text);
