import type { Lateness } from "./Lateness.ts"

const paths: Readonly<Record<Lateness["kind"], string>> = {
  late: "M8 1l7.5 14H.5zM7.2 6v4.5h1.6V6zM7.2 11.6v1.6h1.6v-1.6z",
  tight: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zM7.2 4v4.6l3.2 2 .8-1.3-2.4-1.5V4z",
  fine: ""
}

/** How an order keeps to its promise: by shape, by word and, last, by colour. */
export const LatenessSign = ({ lateness }: { readonly lateness: Lateness | undefined }) =>
  lateness === undefined ? null : (
    <span className={`lateness lateness-${lateness.kind}`}>
      {lateness.kind === "fine" ? null : (
        <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
          <path d={paths[lateness.kind]} fill="currentColor" fillRule="evenodd" />
        </svg>
      )}
      {lateness.words}
    </span>
  )
