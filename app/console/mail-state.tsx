import { When } from "../components/when";
import type { LinkMail } from "../links/list-links.server";

/** How a link's mail stands, with the mail server's words where it did not get through. */
export function MailState({ mail }: { mail: LinkMail | null }) {
  if (!mail) return <span className="whitespace-nowrap text-muted">Not mailed</span>;
  switch (mail.state) {
    case "sent":
      return <span>Sent {mail.sentAt ? <When at={mail.sentAt} /> : null}</span>;
    case "queued":
      return (
        <span>
          {mail.lastError ? (
            <>
              <span className="text-wait">Not sent yet.</span> Next try{" "}
              <When at={mail.nextAttemptAt} />
            </>
          ) : (
            "Being sent"
          )}
          <ServerWords mail={mail} />
        </span>
      );
    case "failed":
      return (
        <span>
          <span className="font-medium text-bad">Failed</span>
          {mail.attempts > 1 ? ` after ${mail.attempts} tries` : null}
          <ServerWords mail={mail} />
        </span>
      );
    case "cancelled":
      return <span className="text-muted">Not sent: the link was replaced or ended first</span>;
  }
}

function ServerWords({ mail }: { mail: LinkMail }) {
  return mail.lastError ? (
    <span className="mt-0.5 block text-sm wrap-anywhere text-muted">“{mail.lastError}”</span>
  ) : null;
}
