"""Restartable sequences under lldb: lists critical sections, and steps over them.

    (lldb) command script import perseq.py

A thread that is stopped inside a critical section is aborted by the kernel when it goes on. So a debugger that stops at each
instruction, as lldb's own steps do, keeps a section from ever committing, and a retry loop without a bound from ever ending. These
commands run a section at full speed instead, from before the store that arms it to a breakpoint behind it:

    rseq list [REGEX]    the critical sections of the program and its libraries
    rseq where           the section that the thread is in, and what its rseq area says
    rstepi [N]           as stepi, with a section as one instruction
    rnext [N]            as next, with a section as one instruction
    rfinish              run to the end of the section, and say which end it was

As the script for gdb, of which this is the smaller sister: lldb's own commands stay as they are.
"""

import re
import struct

import lldb

# Instructions that may go elsewhere, and those that store, in the assembly of all architectures.
BRANCH = re.compile(r"(b|j|cb|tb|ret|c[lg]*(ij|rj)|call|loop)")
STORE = re.compile(r"st|s[dw]\s|mov\w*\s+([^,]+,[^,]*\(|(\w+ ptr )?(\w+:)?\[|[^,]+, ?%[fg]s:)")
# How far before a section the instructions that arm it are looked for, in bytes, where no function is known.
BACKWARDS = 64
# The registers that point to a thread's own memory. Not every lldb shows them.
THREAD_POINTERS = {"x86_64": "fs_base", "aarch64": "tpidr", "riscv64": "tp"}


class Section:
    """A critical section."""

    def __init__(self, target, descriptor, start, length, abort):
        self.target = target
        self.descriptor = descriptor
        self.start, self.commit, self.abort = start, start + length, abort
        self.exits = set()

    def __contains__(self, pc):
        return self.start <= pc < self.commit

    def __str__(self):
        return place(self.target, self.start)

    def approach(self):
        """The store that arms it, and the instruction before: from there a thread goes on into the section without losing the attempt."""
        address = resolve(self.target, self.start)
        begin = address.GetFunction().GetStartAddress() if address.GetFunction() else address.GetSymbol().GetStartAddress()
        begin = address_of(self.target, begin) if begin.IsValid() else self.start - BACKWARDS
        code = instructions(self.target, begin, self.start)[-2:]
        if len(code) < 2 or sum(code[-1][:2]) != self.start or not STORE.match(code[-1][2]):
            return ()
        return (code[1][0],) if BRANCH.match(code[0][2]) else (code[0][0], code[1][0])

    def find_exits(self):
        """Takes the exits from the instructions: branches that lead outside."""
        # lldb tells branches by addresses in the file.
        bias = self.start - resolve(self.target, self.start).GetFileAddress()
        for _, _, text in instructions(self.target, self.start, self.commit):
            end = re.search(r"\b0x([0-9a-f]+)$", text)
            if BRANCH.match(text) and end and int(end[1], 16) + bias not in self:
                self.exits.add(int(end[1], 16) + bias)

    def ends(self):
        """Every place where a thread leaves the section, and what that means."""
        ends = {end: "exit to %s" % place(self.target, end) for end in self.exits}
        ends[self.abort] = "abort handler"
        ends[self.commit] = "commit"
        return ends


def is_running(target):
    return target.GetProcess().IsValid() and target.GetProcess().GetState() == lldb.eStateStopped


def resolve(target, at):
    return target.ResolveLoadAddress(at) if is_running(target) else target.ResolveFileAddress(at)


def address_of(target, address):
    return address.GetLoadAddress(target) if is_running(target) else address.GetFileAddress()


def place(target, at):
    """A place in code, by its symbol and its line."""
    address = resolve(target, at)
    name = address.GetFunction().GetName() or address.GetSymbol().GetName()
    line = address.GetLineEntry()
    return "%s%s" % (name or "%#x" % at, " at %s:%d" % (line.GetFileSpec(), line.GetLine()) if line.IsValid() else "")


def instructions(target, start, end):
    """The instructions that begin in [start, end): address, length, text."""
    error = lldb.SBError()
    address = resolve(target, start)
    if is_running(target):
        # What lldb reads here is without breakpoints.
        code = target.GetProcess().ReadMemory(start, end - start, error)
    else:
        code = target.ReadMemory(address, end - start, error)
    if not error.Success() or not code:
        return []
    found = target.GetInstructions(address, code)
    text = lambda one: "%s %s" % (one.GetMnemonic(target), one.GetOperands(target))
    return [(address_of(target, one.GetAddress()), one.GetByteSize(), text(one)) for one in found]


def words(target, data):
    order = "<" if target.GetByteOrder() == lldb.eByteOrderLittle else ">"
    return struct.unpack("%s%dQ" % (order, len(data) // 8), data[: len(data) // 8 * 8])


def memory(target, start, length):
    error = lldb.SBError()
    data = target.GetProcess().ReadMemory(start, length, error)
    return data if error.Success() else b""


def all_sections(target):
    """The sections of each file, by its name."""
    files = {}
    for module in target.module_iter():
        sections = module_sections(target, module)
        if sections:
            files[str(module.GetFileSpec())] = sorted(sections, key=lambda section: section.start)
    return files


def module_sections(target, module):
    table, listed = module.FindSection("__rseq_cs"), module.FindSection("__rseq_cs_ptr_array")
    if not table.IsValid():
        return []
    if is_running(target):
        base = table.GetLoadAddress(target)
        load = lambda start, length: words(target, memory(target, start, length))
        where = lambda section: section.GetLoadAddress(target)
    else:
        # Addresses in a program that may lie anywhere are filled in when it is loaded.
        where = lambda section: section.GetFileAddress()
        base = where(table)
        relocations = module.FindSection(".rela.dyn")
        entries = words(target, contents(relocations)) if relocations.IsValid() else ()
        filled = {at: value for at, info, value in zip(*[iter(entries)] * 3) if info >> 32 == 0}
        data = {}
        for name in ("__rseq_cs", "__rseq_cs_ptr_array", "__rseq_exit_point_array"):
            section = module.FindSection(name)
            for i, word in enumerate(words(target, contents(section)) if section.IsValid() else ()):
                data[where(section) + 8 * i] = filled.get(where(section) + 8 * i, word)
        load = lambda start, length: [data.get(start + at, 0) for at in range(0, length, 8)]
    if listed.IsValid():
        descriptors = load(where(listed), listed.GetByteSize())
    else:
        descriptors = range(base, base + table.GetByteSize(), 32)
    sections = {}
    for descriptor in descriptors:
        fields = load(descriptor + 8, 24)
        if len(fields) == 3 and fields[0]:
            sections[fields[0]] = Section(target, descriptor, *fields)
    exits = module.FindSection("__rseq_exit_point_array")
    pairs = load(where(exits), exits.GetByteSize()) if exits.IsValid() else ()
    for start, end in zip(pairs[::2], pairs[1::2]):
        if start in sections:
            sections[start].exits.add(end)
    for section in sections.values():
        if not section.exits:
            section.find_exits()
    return sections.values()


def contents(section):
    data, error = section.GetSectionData(), lldb.SBError()
    return data.ReadRawData(error, 0, data.GetByteSize())


class Stepper:
    """A thread that is stepped, and the sections that it may come to."""

    def __init__(self, debugger):
        self.target = debugger.GetSelectedTarget()
        if not is_running(self.target):
            raise ValueError("The program is not being run.")
        self.process = self.target.GetProcess()
        self.thread = self.process.GetSelectedThread()
        self.sections = [one for sections in all_sections(self.target).values() for one in sections]
        self.approaches = {at: section for section in self.sections for at in section.approach()}

    def pc(self):
        return self.thread.GetFrameAtIndex(0).GetPC()

    def around(self):
        return next((section for section in self.sections if self.pc() in section), None)

    def at(self):
        """The section to step over here, or None."""
        return self.around() or self.approaches.get(self.pc())

    def is_stepped(self):
        """The last step was done, and nothing else stopped the program."""
        alive = self.process.GetState() == lldb.eStateStopped
        selected = alive and self.process.GetSelectedThread().GetThreadID() == self.thread.GetThreadID()
        return selected and self.thread.GetStopReason() == lldb.eStopReasonPlanComplete

    def stack(self):
        return self.thread.GetFrameAtIndex(0).GetSP()

    def cross(self, section):
        """Lets the thread go on to an end of a section that it is in or about to arm. Whether it came there."""
        ends, marks, stack = section.ends(), [], self.stack()
        try:
            for end in ends:
                mark = self.target.BreakpointCreateByAddress(end)
                mark.SetThreadID(self.thread.GetThreadID())
                marks.append(mark.GetID())
            self.process.Continue()
            # Sections use no stack. The same place on another is one in a signal handler.
            while self.is_stopped_at(marks) and self.stack() != stack:
                self.process.Continue()
            return self.is_stopped_at(marks)
        finally:
            for mark in marks:
                self.target.BreakpointDelete(mark)

    def is_stopped_at(self, marks):
        """The thread is at one of these breakpoints, and at no other."""
        if self.process.GetState() != lldb.eStateStopped or not self.thread.IsValid():
            return False
        # Pairs of a breakpoint and one of its places.
        hit = [self.thread.GetStopReasonDataAtIndex(i) for i in range(0, self.thread.GetStopReasonDataCount(), 2)]
        return self.thread.GetStopReason() == lldb.eStopReasonBreakpoint and set(hit) <= set(marks)

    def instruction(self, over=False):
        """Steps by an instruction, or over a section or a call. Whether that was done."""
        section = self.at()
        if section:
            return self.cross(section)
        self.thread.StepInstruction(over)
        return self.is_stepped()

    def where(self):
        """The frame of the newest function, how deep it is inlined into, and the lines from the newest frame outwards."""
        frames = [self.thread.GetFrameAtIndex(0)]
        while frames[-1].IsInlined():
            frames.append(self.thread.GetFrameAtIndex(len(frames)))
        line = lambda frame: (str(frame.GetLineEntry().GetFileSpec()), frame.GetLineEntry().GetLine())
        return frames[-1].GetCFA(), [line(frame) for frame in reversed(frames)]

    def line(self):
        """Steps to the beginning of another line of the same function, or of one that called it."""
        frame, lines = self.where()
        while self.instruction(over=True):
            now, at = self.where()
            entry = self.thread.GetFrameAtIndex(0).GetLineEntry()
            # Line 0 is the compiler's own.
            begins = entry.GetLine() and entry.GetStartAddress().GetLoadAddress(self.target) == self.pc()
            if now == frame and len(at) > len(lines):
                # In something that was inlined.
                continue
            if begins and (now != frame or at != lines[: len(at)]):
                return True
        return False


def repeated(debugger, step, argument):
    stepper = Stepper(debugger)
    for _ in range(int(argument) if argument.strip() else 1):
        if not step(stepper):
            break
    show(debugger)


def show(debugger):
    target = debugger.GetSelectedTarget()
    debugger.HandleCommand("frame select 0" if is_running(target) else "process status")


def command(function):
    """A command that waits for the program, and says what is wrong with it."""

    def invoke(debugger, argument, result, _dict):
        asynchronous = debugger.GetAsync()
        debugger.SetAsync(False)
        try:
            function(debugger, argument, result)
        except ValueError as error:
            result.SetError(str(error))
        finally:
            debugger.SetAsync(asynchronous)

    invoke.__doc__ = function.__doc__
    return invoke


@command
def rstepi(debugger, argument, _result):
    """Step one instruction, or over one critical section: rstepi [N]"""
    repeated(debugger, Stepper.instruction, argument)


@command
def rnext(debugger, argument, _result):
    """Step to the next line, over calls and critical sections: rnext [N]"""
    repeated(debugger, Stepper.line, argument)


@command
def rfinish(debugger, _argument, result):
    """Run to the end of the critical section that the thread is in or about to arm, and say which end that was."""
    stepper = Stepper(debugger)
    section = stepper.at()
    if section is None:
        raise ValueError("The thread is in no critical section.")
    if stepper.cross(section):
        result.AppendMessage("Run till the %s of %s" % (section.ends()[stepper.pc()], section))
    show(debugger)


@command
def rseq(debugger, argument, result):
    """Restartable sequences: rseq list [REGEX], or rseq where"""
    name, _, rest = argument.partition(" ")
    if name == "list":
        list_sections(debugger.GetSelectedTarget(), re.compile(rest.strip()), result)
    elif name == "where":
        tell_where(Stepper(debugger), result)
    else:
        raise ValueError("rseq list [REGEX], or rseq where")


def list_sections(target, wanted, result):
    files = all_sections(target)
    if not files:
        result.AppendMessage("There are no critical sections, or no sections of ELF files that list them.")
    for file, sections in files.items():
        shown = [section for section in sections if wanted.search(str(section))]
        if not shown:
            continue
        result.AppendMessage("%s: %d critical sections" % (file, len(shown)))
        row = "%-18s %-18s %-18s %-18s %s"
        result.AppendMessage(row % ("start", "commit", "abort handler", "descriptor", "in"))
        for one in shown:
            numbers = ["%#x" % at for at in (one.start, one.commit, one.abort, one.descriptor)]
            result.AppendMessage(row % (*numbers, one))
            exits = sorted(one.exits - {one.abort})
            if exits:
                result.AppendMessage("%18s %s" % ("exits", ", ".join("%#x" % exit for exit in exits)))


def tell_where(stepper, result):
    pc, section, ahead = stepper.pc(), stepper.around(), stepper.approaches.get(stepper.pc())
    if section:
        left = len(instructions(stepper.target, pc, section.commit))
        result.AppendMessage("in the section %s" % section)
        result.AppendMessage("%d bytes from its start, %d instructions before its commit" % (pc - section.start, left))
        result.AppendMessage("it will be aborted: the thread goes on at %#x" % section.abort)
    elif ahead:
        result.AppendMessage("about to arm the section %s" % ahead)
    else:
        result.AppendMessage("in no section")
    area = area_of(stepper)
    if area is None:
        result.AppendMessage("rseq area: not known")
        return
    head = memory(stepper.target, area, 16)
    start, cpu = struct.unpack("=II", head[:8])
    (armed,) = words(stepper.target, head[8:])
    name = next((" (%s)" % one for one in stepper.sections if one.descriptor == armed), "")
    result.AppendMessage("rseq area at %#x: cpu_id_start %d, cpu_id %d, rseq_cs %#x%s" % (area, start, cpu, armed, name))


def area_of(stepper):
    """Where libc has registered the thread's area; None if that cannot be told."""
    name = THREAD_POINTERS.get(stepper.target.GetTriple().split("-")[0], "")
    register = stepper.thread.GetFrameAtIndex(0).FindRegister(name)
    symbols = stepper.target.FindSymbols("__rseq_offset")
    if not register.IsValid() or not symbols.GetSize():
        return None
    at = symbols.GetContextAtIndex(0).GetSymbol().GetStartAddress().GetLoadAddress(stepper.target)
    (offset,) = words(stepper.target, memory(stepper.target, at, 8))
    return (register.GetValueAsUnsigned() + offset) & (1 << 64) - 1


def __lldb_init_module(debugger, _dict):
    for name in ("rseq", "rstepi", "rnext", "rfinish"):
        debugger.HandleCommand("command script add -f %s.%s %s" % (__name__, name, name))
