/**
 * A state machine as one table: what each command turns each state into. A pair that the table leaves out is refused, so the table
 * is total. A command has one target in a machine, which is what makes a repetition recognisable.
 */
export interface StateMachine<State extends string, Command extends string> {
  readonly name: string
  readonly initial: State
  readonly states: ReadonlyArray<State>
  readonly commands: Readonly<Record<Command, { readonly from: ReadonlyArray<State>; readonly to: State }>>
}

/** The answer that a machine has for one state and one command. */
export type Step<State extends string, Command extends string> =
  | { readonly _tag: "Moved"; readonly to: State }
  /** The command's own result is the state already: a repetition, which succeeds and changes nothing. */
  | { readonly _tag: "Unchanged" }
  | { readonly _tag: "Refused"; readonly allowed: ReadonlyArray<Command> }

/** The names of a machine's commands, in the order of its table. */
export const commandsOf = <State extends string, Command extends string>(
  machine: StateMachine<State, Command>
): ReadonlyArray<Command> => Object.keys(machine.commands) as unknown as ReadonlyArray<Command>

/** Which commands a state takes. */
export const allowedIn = <State extends string, Command extends string>(
  machine: StateMachine<State, Command>,
  state: State
): ReadonlyArray<Command> => commandsOf(machine).filter((command) => machine.commands[command].from.includes(state))

/** What a command does to a state. */
export const step = <State extends string, Command extends string>(
  machine: StateMachine<State, Command>,
  state: State,
  command: Command
): Step<State, Command> => {
  const { from, to } = machine.commands[command]
  if (from.includes(state)) return { _tag: "Moved", to }
  if (state === to) return { _tag: "Unchanged" }
  return { _tag: "Refused", allowed: allowedIn(machine, state) }
}

/** Whether a state takes no command any more. */
export const isFinal = <State extends string, Command extends string>(
  machine: StateMachine<State, Command>,
  state: State
): boolean => allowedIn(machine, state).length === 0
