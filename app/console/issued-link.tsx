import { Link } from "@remix-run/react";
import { Notice } from "../components/notice";
import type { LinkSummary } from "../links/list-links.server";
import { FreshLink } from "./fresh-link";
import type { Issued } from "./hand-over-answer";

/** What an administrator is shown once a link is there, and where to go from here. */
export function IssuedLink({ answer, link }: { answer: Issued; link: LinkSummary | null }) {
  return (
    <>
      <FreshLink
        url={answer.url}
        expiresAt={answer.expiresAt}
        mailTo={answer.mailTo}
        mail={link?.mail ?? null}
      />
      {answer.others ? (
        <Notice tone="wait" heading="The same mailbox has asked more than once">
          {answer.others.count === 1
            ? "Another request of it is still open"
            : `${answer.others.count} other requests of it are still open`}
          : it may be for another account, or not be needed any more.{" "}
          <Link
            className="link"
            to={`/admin/requests?q=${encodeURIComponent(answer.others.email)}`}
          >
            Look at them
          </Link>
        </Notice>
      ) : null}
      <p className="flex flex-wrap gap-3">
        {link ? (
          <Link className="button button-quiet" to={`/admin/links/${link.id}`}>
            Details of this link
          </Link>
        ) : null}
        <Link className="button button-quiet" to="/admin/users">
          Another user
        </Link>
      </p>
    </>
  );
}
