import {
  ACCEPT_CALL,
  DECLINE_CALL,
  HANG_UP,
  PAUSE_RECORDING,
  RESUME_RECORDING,
  SEND_DTMF,
  SET_VARIABLE,
  TRANSFER_CALL,
} from '../tool/names.ts'
import type { FunctionTool } from './client-event.ts'
import type { AgentSpec, TransferTarget } from './spec.ts'

/** Keys of one call of `send_dtmf`: each takes a fifth of a second, in which nothing is said. */
const MAX_KEYS = 32
/** Longest value of a variable. */
const MAX_VALUE_CHARS = 512

const HANG_UP_TOOL: FunctionTool = {
  type: 'function',
  name: HANG_UP,
  description:
    'Ends the phone call, once what you are saying has been heard. Say goodbye first, and call it only when the caller is done.',
  parameters: {
    type: 'object',
    properties: { reason: { type: 'string', description: 'Why the call ends, in a few words.' } },
  },
}

const SEND_DTMF_TOOL: FunctionTool = {
  type: 'function',
  name: SEND_DTMF,
  description: 'Presses keys of the phone towards the other side, for instance in the menu of a machine.',
  parameters: {
    type: 'object',
    properties: {
      digits: {
        type: 'string',
        pattern: `^[0-9*#A-Da-d]{1,${MAX_KEYS}}$`,
        description: `Up to ${MAX_KEYS} keys: 0-9, *, #, A-D.`,
      },
    },
    required: ['digits'],
  },
}

const SET_VARIABLE_TOOL: FunctionTool = {
  type: 'function',
  name: SET_VARIABLE,
  description: 'Keeps a fact about this call by name: tools are given it, and it is known when the caller calls again.',
  parameters: {
    type: 'object',
    properties: {
      name: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_.-]{0,62}$', description: 'Such as "order_number".' },
      value: { type: 'string', maxLength: MAX_VALUE_CHARS },
    },
    required: ['name', 'value'],
  },
}

const PAUSE_RECORDING_TOOL: FunctionTool = {
  type: 'function',
  name: PAUSE_RECORDING,
  description: 'Leaves out of the recording what is said from now on, before the caller says something secret.',
  parameters: { type: 'object', properties: {} },
}

const RESUME_RECORDING_TOOL: FunctionTool = {
  type: 'function',
  name: RESUME_RECORDING,
  description: 'Has the call recorded again, after pause_recording.',
  parameters: { type: 'object', properties: {} },
}

const transferTool = (targets: readonly TransferTarget[]): FunctionTool => ({
  type: 'function',
  name: TRANSFER_CALL,
  description: [
    'Puts the caller through to a person. Tell the caller first. The answer comes when the person has answered, or says why nobody could be reached: you stay with the caller until then, and may go on talking.',
    'Persons:',
    ...targets.map(({ name, description }) => (description === '' ? `- ${name}` : `- ${name}: ${description}`)),
  ].join('\n'),
  parameters: {
    type: 'object',
    properties: { to: { type: 'string', enum: targets.map(({ name }) => name) } },
    required: ['to'],
  },
})

const ACCEPT_CALL_TOOL: FunctionTool = {
  type: 'function',
  name: ACCEPT_CALL,
  description: 'Puts the caller through to the person on this line, who takes the call. Say so first.',
  parameters: { type: 'object', properties: {} },
}

const DECLINE_CALL_TOOL: FunctionTool = {
  type: 'function',
  name: DECLINE_CALL,
  description: 'The person on this line does not take the call. Say goodbye first.',
  parameters: {
    type: 'object',
    properties: { reason: { type: 'string', description: 'Why, in a few words: the caller is told.' } },
  },
}

/** All functions that an agent may call: those that are ours, of the recording where there is one, and those of its tenant. */
export function functionTools({
  tools,
  recorded,
  transfers,
  past,
}: Pick<AgentSpec, 'tools' | 'recorded' | 'transfers' | 'past'>): FunctionTool[] {
  // With a person on another line there is one thing to settle.
  if (past?.note === 'briefing') return [ACCEPT_CALL_TOOL, DECLINE_CALL_TOOL]
  return [
    HANG_UP_TOOL,
    SEND_DTMF_TOOL,
    SET_VARIABLE_TOOL,
    ...(transfers !== undefined && transfers.length > 0 ? [transferTool(transfers)] : []),
    ...(recorded === true ? [PAUSE_RECORDING_TOOL, RESUME_RECORDING_TOOL] : []),
    ...tools.map(
      ({ name, description, parameters }): FunctionTool => ({ type: 'function', name, description, parameters }),
    ),
  ]
}
