import type { LINK_PROBLEMS } from "../../../db/schema";

/** Why an administrator has to help; kept with the link and told to its issuer. */
export type LinkProblem = (typeof LINK_PROBLEMS)[number];
