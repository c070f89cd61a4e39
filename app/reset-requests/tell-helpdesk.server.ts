import { takeUntoldRequests } from "../../db/reset-requests.store";
import { enqueueMail } from "../../emails/outbox";
import type { LinkContext } from "../links/link-context.server";
import { codeOfRequest } from "./request-code";

/** The helpdesk gets no more than one mail in so long, whoever asks for whatever. */
const DIGEST_EVERY_SECONDS = 600;
const MOST_LISTED = 20;

/**
 * Mails the helpdesk what was confirmed since its last mail: at once after a quiet time, else collected.
 * Any replica may call it at any time. The requests are marked and the mail is written in one
 * transaction, under a lock that replicas share, so that each is told of once, and none is lost.
 *
 * @returns how many requests the mail tells of
 */
export async function tellHelpdesk(
  context: Pick<LinkContext, "config" | "db" | "vault" | "outbox" | "log">,
): Promise<number> {
  const { config, db, vault, outbox, log } = context;
  const { helpdesk } = config.mail;
  if (!helpdesk) return 0;
  const told = await db.transaction(async (tx) => {
    const untold = await takeUntoldRequests(tx, { everySeconds: DIGEST_EVERY_SECONDS });
    if (untold.length === 0) return 0;
    await enqueueMail(tx, vault, {
      template: "reset-digest",
      recipient: helpdesk,
      props: {
        requests: untold.slice(0, MOST_LISTED).map((row) => ({
          code: row.confirmedAt ? codeOfRequest(row.id) : undefined,
          name: row.name,
          email: row.email,
          at: row.createdAt.toISOString(),
        })),
        count: untold.length,
        consoleUrl: new URL("/admin/requests", config.publicUrl).href,
      },
    });
    return untold.length;
  });
  if (told > 0) {
    outbox.wake();
    log.info("reset.digest", { count: told });
  }
  return told;
}
