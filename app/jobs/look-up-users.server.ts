import type { UserLookup } from "../accounts/look-up-user.server";
import type { Queue } from "./worker.server";

/** One after the other: three hundred PUTs must not be three hundred questions at once. */
export const lookUpQueue = (lookup: UserLookup): Queue => ({
  kind: "look-ups",
  concurrency: 1,
  take: async (limit) =>
    lookup.take(limit).map((request) => ({ run: () => lookup.lookUp(request) })),
});
