import { deleteEndedSessions } from "../../db/admin-sessions.store";
import { deleteOldJobs } from "../../db/jobs.store";
import { forgetAdmins } from "../../db/known-admins.store";
import { noteLapsed } from "../../db/link-list.store";
import { purgeExpiredSecrets } from "../../db/links.store";
import { cancelQueuedMails, deleteOldMails } from "../../db/mails.store";
import { deleteEndedLimits } from "../../db/rate-limits.store";
import { deleteOldRequests, deleteUnconfirmedRequests } from "../../db/reset-requests.store";
import { giveUpParked, scramblePasswords } from "../accounts/scramble-passwords.server";
import type { AdminContext } from "../admins/sign-in.server";
import type { SystemInitiator } from "../audit/initiator.server";
import { record } from "../audit/record.server";
import type { TokenSource } from "../keystone/token-source.server";
import type { LinkContext } from "../links/link-context.server";
import { settleLinks } from "../links/redeem/settle-links.server";
import { remindUsers } from "../links/remind-users.server";
import { tellUntoldOwners } from "../links/tell-owner.server";
import { tellHelpdesk } from "../reset-requests/tell-helpdesk.server";
import type { Round } from "./worker.server";

const EVERY_SECONDS = 60;
const PURGE_BATCH = 500;
const LAPSED_BATCH = 1000;
const TELL_BATCH = 100;
const REQUEST_LIFETIME_DAYS = 30;
const MAIL_LIFETIME_DAYS = 90;
const JOB_LIFETIME_DAYS = 90;
const KNOWN_ADMIN_DAYS = 400;
const BY_ITSELF: SystemInitiator = { actor: { kind: "system" } };

type RoundContext = LinkContext &
  Pick<AdminContext, "config"> & { readonly serviceToken: TokenSource | undefined };

/**
 * What follows from the rows of links, requests and mails themselves: no crash can lose it, since the next
 * round finds it again. Every step is a guarded statement or claims its row.
 */
export const roundsOf = (context: RoundContext): Round[] => [
  ...scramblingOf(context),
  {
    kind: "erasing",
    everySeconds: EVERY_SECONDS,
    async run() {
      await erase(context);
      return "done";
    },
  },
  {
    kind: "telling",
    everySeconds: EVERY_SECONDS,
    async run() {
      await tellUntoldOwners(context, { limit: TELL_BATCH });
      await tellHelpdesk(context);
      return "done";
    },
  },
  {
    kind: "reminding",
    everySeconds: EVERY_SECONDS,
    async run({ signal }) {
      const { reminded } = await remindUsers(context, { signal });
      if (reminded > 0) context.log.info("links.reminded", { count: reminded });
      return "done";
    },
  },
  {
    kind: "settling",
    everySeconds: EVERY_SECONDS,
    async run({ signal }) {
      const { asked } = await settleLinks(context, { signal });
      if (asked > 0) context.log.info("links.settled", { count: asked });
      return "done";
    },
  },
];

/** Only with a credential of setpass's own: it is needed where the user's password cannot do it. */
const scramblingOf = ({ serviceToken, ...context }: RoundContext): Round[] =>
  serviceToken === undefined
    ? []
    : [
        {
          kind: "scrambling",
          everySeconds: EVERY_SECONDS,
          async run({ signal }) {
            const { scrambled } = await scramblePasswords({ ...context, serviceToken }, { signal });
            if (scrambled > 0) context.log.info("links.scrambled", { count: scrambled });
            return "done";
          },
        },
      ];

/**
 * Erases and deletes what is over, and notes for the list which links have expired.
 *
 * @returns how many links' secrets were erased
 */
export async function erase(
  context: LinkContext & Pick<AdminContext, "config">,
): Promise<{ purged: number }> {
  const { db, config, log } = context;
  const due = { expiredForSeconds: config.links.purgeAfterSeconds, limit: PURGE_BATCH };
  const purged = await db.transaction(async (tx) => {
    const rows = await purgeExpiredSecrets(tx, due);
    for (const { id, userId } of rows) {
      // The mail holds the link's token as well, and nobody can use it any more.
      await cancelQueuedMails(tx, { linkId: id, template: "link" });
      await record(tx, BY_ITSELF, {
        action: "link.secrets-purged",
        userId,
        linkId: id,
        outcome: "ok",
      });
    }
    return rows.length;
  });
  if (purged > 0) log.info("links.purged", { count: purged });
  await giveUpParked(context);
  while ((await noteLapsed(db, { limit: LAPSED_BATCH })) === LAPSED_BATCH);
  await deleteEndedSessions(db, { idleSeconds: config.admin.sessionIdleSeconds });
  await deleteEndedLimits(db);
  await forgetAdmins(db, { unseenForDays: KNOWN_ADMIN_DAYS });
  await deleteUnconfirmedRequests(db);
  await deleteOldRequests(db, { olderThanDays: REQUEST_LIFETIME_DAYS });
  await deleteOldMails(db, { olderThanDays: MAIL_LIFETIME_DAYS });
  await deleteOldJobs(db, { olderThanDays: JOB_LIFETIME_DAYS });
  return { purged };
}
