import type { Action, ActionStep, Permission } from '../../../schemas/generated/types.ts'
import { plainStyle, printable, type Rendering, wrapped } from '../terminal-text.ts'

const INDENT = '     '

function stepLines(step: ActionStep, place: number, { width, style }: Rendering): readonly string[] {
  const room = width - INDENT.length
  const lines = wrapped(step.description, room)
  const labelled = (label: string, text: string) =>
    wrapped(text, room - label.length - 2).map(
      (line, at) => `${INDENT}${style('dim', at === 0 ? `${label}: ` : ' '.repeat(label.length + 2))}${line}`
    )
  return [
    ...lines.map((line, at) =>
      at === 0 ? `${String(place).padStart(3)}. ${style('bold', line)}` : `${INDENT}${style('bold', line)}`
    ),
    // Requests are for copying: they are not cut.
    ...step.requests.map(
      ({ to, method, path, body }) =>
        `${INDENT}${style('cyan', printable(method))} ${printable(`${to} ${path}${body === null || body === undefined ? '' : ` ${body}`}`)}`
    ),
    ...labelled('affects', step.blast_radius),
    ...(step.risks ?? []).flatMap((risk) => labelled('could break', risk)),
    ...(step.permissions ?? []).flatMap((permission) => labelled('needs', permissionText(permission))),
    // As are those of the undo.
    ...(step.undo ?? 'not possible')
      .split('; ')
      .map((line, at) => `${INDENT}${at === 0 ? style('dim', 'undo: ') : '      '}${printable(line)}`)
  ]
}

function permissionText({ namespace, api_group, resource, verb, name }: Permission): string {
  const group = api_group === '' ? '' : `.${api_group}`
  const where = namespace === null ? '' : ` in ${namespace}`
  return printable(`${verb} ${resource}${group}${name === null ? '' : ` ${name}`}${where}`)
}

/**
 * A plan for a terminal: its steps in order, each with the exact requests, what else it affects and how to take it back; and what
 * the plan leaves alone. Nothing in it can control the terminal.
 * @returns lines, without a line end after the last
 */
export function renderPlan(action: Action, rendering: Rendering = { width: 100, style: plainStyle }): string {
  const sized = { ...rendering, width: Math.max(60, rendering.width) }
  const { style, width } = sized
  const mode = action.mode.replaceAll('_', '-')
  // Documents that come back from a search leave out empty lists.
  const notes = action.notes ?? []
  const head = `Plan ${action.id.slice(0, 12)} (${action.status}, ${mode}) for incident ${action.incident_id.slice(0, 12)} revision ${action.incident_revision}, playbook ${action.playbook}`
  return [
    ...wrapped(head, width).map((line) => style('cyan', line)),
    ...wrapped(action.summary, width),
    ...(action.steps ?? []).flatMap((step, at) => ['', ...stepLines(step, at + 1, sized)]),
    ...(notes.length === 0 ? [] : ['', style('cyan', 'Left alone')]),
    ...notes.flatMap((note) => wrapped(note, width - 4).map((line, at) => `  ${at === 0 ? '- ' : '  '}${line}`))
  ].join('\n')
}
