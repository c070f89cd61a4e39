import type { ReactNode } from "react";

/** What stands at the top of every console page. */
export function PageHeading(props: {
  children: ReactNode;
  above?: ReactNode;
  below?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
      <div className="min-w-0">
        {props.above ? <p className="mb-1 text-sm">{props.above}</p> : null}
        <h1 className="text-2xl font-semibold wrap-anywhere sm:text-3xl">{props.children}</h1>
        {props.below ? <p className="mt-1 text-muted">{props.below}</p> : null}
      </div>
      {props.action}
    </div>
  );
}

export function Empty({ heading, children }: { heading: string; children?: ReactNode }) {
  return (
    <div className="px-5 py-12 text-center wrap-anywhere">
      <p className="font-semibold">{heading}</p>
      {children ? <div className="mt-1 space-y-2 text-muted">{children}</div> : null}
    </div>
  );
}
