import { utcTime } from "../mail-content";
import { ActionButton, Contact, Facts, MailLayout, Paragraph, PlainAddress } from "./layout";
import type { MailWording } from "./mail-template";

/** Tells the owner of the account, who is the only one to notice if it was somebody else. */
export const passwordSetMail: MailWording<"password-set"> = {
  subject: (_props, brand) => `Your ${brand.appName} password was set`,
  body: (props, brand) => (
    <MailLayout
      brand={brand}
      audience="user"
      heading="Your password was set"
      preview="Your account can be used from now on."
    >
      <Paragraph>
        The password of your {brand.appName} account was set with the link and the PIN. The link
        does not work any more.
      </Paragraph>
      <Facts
        facts={[
          ["User name", props.userName],
          ["Domain", props.domainName],
          ["Set on", props.at && utcTime(props.at)],
        ]}
      />
      {brand.dashboardUrl ? (
        <>
          <Paragraph>Sign in with this user name and your new password:</Paragraph>
          <ActionButton href={brand.dashboardUrl}>Sign in</ActionButton>
          <PlainAddress href={brand.dashboardUrl} />
        </>
      ) : null}
      <Paragraph>
        <strong>It was not you?</strong> Then somebody else has your account.{" "}
        {brand.supportContact ? (
          <>
            Tell <Contact contact={brand.supportContact} /> at once.
          </>
        ) : (
          <>Tell those who gave you the account at once.</>
        )}
      </Paragraph>
    </MailLayout>
  ),
};
