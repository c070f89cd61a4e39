import { Link } from "@remix-run/react";
import { Notice } from "../components/notice";
import { useWords } from "../components/render-context";
import type { LinkSummary } from "../links/list-links.server";
import { FreshLink } from "./fresh-link";
import type { Issued } from "./hand-over-answer";
import { linkTo } from "./text-elements";

/** What an administrator is shown once a link is there, and where to go from here. */
export function IssuedLink({ answer, link }: { answer: Issued; link: LinkSummary | null }) {
  const words = useWords();
  const { others } = answer;
  return (
    <>
      <FreshLink
        url={answer.url}
        expiresAt={answer.expiresAt}
        mailTo={answer.mailTo}
        mail={link?.mail ?? null}
      />
      {others ? (
        <Notice tone="wait" heading={words("console.issue.others.heading")}>
          {words("console.issue.others.message", { count: others.count })}{" "}
          {linkTo(`/admin/requests?q=${encodeURIComponent(others.email)}`)(
            words("console.issue.others.show"),
          )}
        </Notice>
      ) : null}
      <p className="flex flex-wrap gap-3">
        {link ? (
          <Link className="button button-quiet" to={`/admin/links/${link.id}`}>
            {words("console.issue.details")}
          </Link>
        ) : null}
        <Link className="button button-quiet" to="/admin/users">
          {words("console.issue.another")}
        </Link>
      </p>
    </>
  );
}
