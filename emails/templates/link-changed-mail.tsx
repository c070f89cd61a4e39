import type { ChangeToTell } from "../../db/link-row";
import { utcTime } from "../mail-content";
import { Facts, Paragraph, strong, TellAtOnce } from "./layout";
import type { MailWording } from "./mail-template";

const SENTENCES = {
  "pin-replaced": "mail.linkChanged.pin",
  "recipient-changed": "mail.linkChanged.recipient",
} as const satisfies Record<ChangeToTell, string>;

/** Tells the owner of the account, at the addresses that are known for theirs. It holds no link. */
export const linkChangedMail: MailWording<"link-changed"> = {
  name: "linkChanged",
  audience: "user",
  body: (props, letter) => {
    const { words, language } = letter;
    return (
      <>
        {props.changes.map((change) => (
          <Paragraph key={change}>{words(SENTENCES[change])}</Paragraph>
        ))}
        <Facts
          words={words}
          facts={[
            [words("mail.fact.userName"), props.userName],
            [words("mail.fact.domain"), props.domainName],
            [words("mail.fact.changedOn"), utcTime(props.at, language)],
          ]}
        />
        <Paragraph>{words("mail.linkChanged.expected")}</Paragraph>
        <Paragraph>
          {words.rich("mail.linkChanged.unexpected", { strong })} <TellAtOnce letter={letter} />
        </Paragraph>
      </>
    );
  },
};
