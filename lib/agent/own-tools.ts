import { HANG_UP, PAUSE_RECORDING, RESUME_RECORDING, SEND_DTMF, SET_VARIABLE } from '../tool/names.ts'
import type { FunctionTool } from './client-event.ts'
import type { AgentSpec } from './spec.ts'

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

/** All functions that an agent may call: those that are ours, of the recording where there is one, and those of its tenant. */
export const functionTools = (spec: Pick<AgentSpec, 'tools' | 'recorded'>): FunctionTool[] => [
  HANG_UP_TOOL,
  SEND_DTMF_TOOL,
  SET_VARIABLE_TOOL,
  ...(spec.recorded === true ? [PAUSE_RECORDING_TOOL, RESUME_RECORDING_TOOL] : []),
  ...spec.tools.map(
    ({ name, description, parameters }): FunctionTool => ({ type: 'function', name, description, parameters }),
  ),
]
