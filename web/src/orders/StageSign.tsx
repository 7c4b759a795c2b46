import { type BoardStage, stageLooks } from "./BoardStage.ts"

/** The sign of a part of the board. Decorative: its name stands beside it. */
export const StageSign = ({ stage }: { readonly stage: BoardStage }) => (
  <svg className={`sign stage-${stage}`} viewBox="0 0 24 24" aria-hidden="true">
    <path d={stageLooks[stage].path} fillRule="evenodd" />
  </svg>
)
