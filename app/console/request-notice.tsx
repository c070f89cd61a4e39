import { Notice } from "../components/notice";
import { useWords } from "../components/render-context";
import { isSameMailbox } from "../links/same-mailbox";
import type { ResetRequestSummary } from "../reset-requests/handle-requests.server";
import { address } from "./text-elements";

/** Which request is answered here, and what is known of who asks. */
export function RequestNotice(props: { request: ResetRequestSummary; knownEmail: string | null }) {
  const words = useWords();
  const { request, knownEmail } = props;
  const { name, email, openOfMailbox: count } = request;
  const isKnown = isSameMailbox(knownEmail, email);
  const mailbox = request.confirmedAt ? (isKnown ? "known" : "unknown") : "unconfirmed";
  const heading = words("console.issue.request.heading", { name, code: request.code ?? "none" });
  return (
    <Notice tone="wait" heading={heading}>
      {words.rich(`console.issue.request.${mailbox}`, { email, address })}{" "}
      {count > 1 ? `${words("console.issue.request.several", { count })} ` : null}
      {words("console.issue.request.closes")}
    </Notice>
  );
}
