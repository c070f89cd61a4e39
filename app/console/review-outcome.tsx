import { Link } from "@remix-run/react";
import { useEffect, useRef } from "react";
import { Notice } from "../components/notice";
import type { Answered } from "../reset-requests/answer-several.server";
import { wordsForAnswer } from "./request-words";
import { Item, List } from "./review-list";

export type ReviewAnswer =
  | { act: "close"; closed: number; closedBefore: number }
  | { act: "answer"; done: Answered[] };

/** What became of them; it takes the focus. */
export function ReviewOutcome({ answer }: { answer: ReviewAnswer }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.focus(), []);
  return (
    <div ref={box} tabIndex={-1} className="space-y-6">
      {answer.act === "close" ? (
        <ClosedRequests {...answer} />
      ) : (
        <AnsweredRequests done={answer.done} />
      )}
      <p>
        <Link className="button button-quiet" to="/admin/requests">
          Back to the requests
        </Link>
      </p>
    </div>
  );
}

function ClosedRequests({ closed, closedBefore }: { closed: number; closedBefore: number }) {
  const before =
    closedBefore > 0
      ? `${closedBefore === 1 ? "One was" : `${closedBefore} were`} closed before.`
      : "";
  if (closed === 0)
    return (
      <Notice tone="bad" announce heading="No request was closed">
        {before}
      </Notice>
    );
  return (
    <Notice
      tone="good"
      announce
      heading={closed === 1 ? "One request is closed" : `${closed} requests are closed`}
    >
      The PINs that came with them are erased. {before}
    </Notice>
  );
}

function AnsweredRequests({ done }: { done: readonly Answered[] }) {
  const ok = done.filter(({ result }) => result.ok);
  const others = done.filter(({ result }) => !result.ok);
  return (
    <>
      {ok.length > 0 ? (
        <Notice
          tone="good"
          announce
          heading={
            ok.length === 1 ? "One request is answered" : `${ok.length} requests are answered`
          }
        >
          Their links are being mailed.
        </Notice>
      ) : (
        <Notice tone="bad" announce heading="No request was answered">
          All of them are as they were, save where it says otherwise.
        </Notice>
      )}
      {ok.length > 0 ? (
        <List>
          {ok.map(({ request, result }) => (
            <Item key={request.id} request={request}>
              {result.ok ? (
                <Link className="link" to={`/admin/links/${result.linkId}`}>
                  Its link, mailed to {result.mailTo}
                </Link>
              ) : null}
            </Item>
          ))}
        </List>
      ) : null}
      {others.length > 0 ? (
        <section>
          <h2 className="mb-3 text-xl font-semibold">Not answered</h2>
          <List>
            {others.map(({ request, result }) => (
              <Item key={request.id} request={request} find>
                {result.ok ? null : wordsForAnswer(result)}
              </Item>
            ))}
          </List>
        </section>
      ) : null}
    </>
  );
}
