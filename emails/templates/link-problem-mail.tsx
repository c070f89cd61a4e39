import { problemWords } from "../../app/messages/problem-words";
import { LINK_PROBLEMS } from "../../db/schema";
import { oneLine } from "../mail-content";
import { ActionButton, Facts, Paragraph, PlainAddress, strong } from "./layout";
import type { MailWording } from "./mail-template";

/** To the administrator who issued the link: the user is stuck, and only an administrator can help. */
export const linkProblemMail: MailWording<"link-problem"> = {
  name: "linkProblem",
  audience: "staff",
  values: (props) => ({ user: oneLine(props.userName ?? props.userId) }),
  body: (props, letter) => {
    const { words } = letter;
    const known = LINK_PROBLEMS.find((one) => one === props.problem);
    const { why, whatToDo } = known
      ? problemWords(words, known)
      : { why: oneLine(props.problem, { maxCharacters: 500 }), whatToDo: undefined };
    return (
      <>
        <Facts
          words={words}
          facts={[
            [words("mail.fact.user"), props.userName],
            [words("mail.fact.userId"), props.userId],
          ]}
        />
        <Paragraph>{words.rich("mail.linkProblem.why", { why, strong })}</Paragraph>
        {whatToDo ? (
          <Paragraph>{words.rich("mail.linkProblem.whatToDo", { whatToDo, strong })}</Paragraph>
        ) : null}
        <ActionButton href={props.consoleUrl}>{words("mail.linkProblem.action")}</ActionButton>
        <PlainAddress href={props.consoleUrl} />
      </>
    );
  },
};
