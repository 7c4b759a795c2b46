import { useEffect, useState } from "react"
import { DriverDialog } from "./DriverDialog.tsx"
import { type Action, actionsOf } from "./OrderActions.ts"
import type { OrderPanelProps } from "./OrderPanel.tsx"
import { carrierOf, type OrderView } from "./OrderView.ts"
import { ReasonDialog } from "./ReasonDialog.tsx"
import { useCommand } from "./useCommand.ts"
import { WindowDialog } from "./WindowDialog.tsx"

interface OrderCommandsProps extends Omit<OrderPanelProps, "chosen" | "onClose"> {
  readonly view: OrderView
  /** After a command that was done: its button may be gone. */
  readonly onDone: () => void
}

/** What can be done with the order now, as buttons; those that need to be told more ask first. */
export const OrderCommands = (props: OrderCommandsProps) => {
  const { view, rights, session, onChanged, onShow, onDone } = props
  const command = useCommand(session, onChanged)
  const [asking, setAsking] = useState<Action>()
  const actions = rights?.actor === undefined ? [] : actionsOf(view, rights.actor, rights.routes)
  // The order may have moved on while somebody thinks about it.
  const isGone = asking !== undefined && !actions.some(({ name }) => name === asking.name)
  useEffect(() => {
    if (isGone) setAsking(undefined)
  }, [isGone])
  const send = async (action: Action, body: unknown): Promise<void> => {
    const answer = await command.run(action.name, action.path, body)
    if (answer === undefined) return
    setAsking(undefined)
    onDone()
  }
  const pressed = (action: Action): void => {
    command.forget()
    if (action.need === "nothing") void send(action, {})
    else setAsking(action)
  }
  return (
    <div className="order-commands">
      <div className="order-buttons">
        {actions.map((action, i) => (
          <button
            key={action.name}
            type="button"
            className={`button button-small ${buttonLook(action, i)}`}
            disabled={command.busy !== undefined}
            onClick={() => pressed(action)}
          >
            {command.busy === action.name && asking === undefined ? "One moment" : action.label}
          </button>
        ))}
        <button type="button" className="button button-small" onClick={onShow}>
          Show on map
        </button>
      </div>
      <div role="alert">
        {command.problem === undefined || asking !== undefined ? null : (
          <p className="notice notice-danger">{command.problem}</p>
        )}
      </div>
      {asking === undefined ? null : (
        <Question
          {...props}
          action={asking}
          isBusy={command.busy !== undefined}
          problem={command.problem}
          onAnswer={(body) => void send(asking, body)}
          onCancel={() => setAsking(undefined)}
        />
      )}
    </div>
  )
}

const buttonLook = ({ name }: Action, index: number): string =>
  name === "cancel" ? "button-danger" : index === 0 && name !== "unassign" ? "button-primary" : ""

/** What every question about an action is given. */
export interface QuestionProps {
  readonly action: Action
  readonly isBusy: boolean
  readonly problem: string | undefined
  readonly onAnswer: (body: unknown) => void
  readonly onCancel: () => void
}

const Question = (props: OrderCommandsProps & QuestionProps) => {
  const { action, view } = props
  switch (action.need) {
    case "driver":
    case "drivers":
      return <DriverDialog {...props} carrierId={carrierOf(view)?.id} />
    case "window":
      return <WindowDialog {...props} window={view.order.window} />
    default:
      return <ReasonDialog {...props} />
  }
}
