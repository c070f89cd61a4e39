import type { LinkSummary } from "../links/list-links.server";

/** @returns what the user of a link is called */
export const nameOf = (link: Pick<LinkSummary, "userName" | "userId">) =>
  link.userName ?? link.userId;
