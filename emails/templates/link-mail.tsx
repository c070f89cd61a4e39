import { utcTime } from "../mail-content";
import {
  ActionButton,
  Anchor,
  Contact,
  Divider,
  Facts,
  MailLayout,
  Note,
  Paragraph,
  PlainAddress,
} from "./layout";
import type { MailWording } from "./mail-template";

/** The hand-over. Its reader has often never seen OpenStack, and reads it on a phone. */
export const linkMail: MailWording<"link"> = {
  subject: (_props, brand) => `Your ${brand.appName} account: choose your password`,
  body: (props, brand) => (
    <MailLayout
      brand={brand}
      audience="user"
      heading="Your account is ready"
      preview="Choose your password. You need the PIN you gave when you registered."
    >
      <Paragraph>
        An account was made for you at {brand.appName}. One step is left: choose a password that
        only you know.
      </Paragraph>
      <Facts
        facts={[
          ["User name", props.userName],
          ["Domain", props.domainName],
        ]}
      />
      <ActionButton href={props.url}>Choose your password</ActionButton>
      <Note>This is your link, to press, or to copy into a browser:</Note>
      <PlainAddress href={props.url} />
      <Paragraph>
        You will be asked for the <strong>{props.pinLength}-digit PIN</strong> that you gave when
        you registered.
      </Paragraph>
      <Paragraph>
        The link works once, until <strong>{utcTime(props.expiresAt)}</strong>. If it has ended, ask
        for a new one.
      </Paragraph>
      <Divider />
      {brand.dashboardUrl ? (
        <Note>
          Once your password is set, sign in at{" "}
          <Anchor href={brand.dashboardUrl}>{brand.dashboardUrl}</Anchor>
        </Note>
      ) : null}
      <Note>
        Nobody will ever ask you for your PIN or your password by mail or by telephone. If you did
        not expect this mail, leave the link alone: without the PIN it opens nothing.
        {brand.supportContact ? (
          <>
            {" "}
            Please tell <Contact contact={brand.supportContact} />.
          </>
        ) : null}
      </Note>
    </MailLayout>
  ),
};
