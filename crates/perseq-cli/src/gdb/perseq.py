"""Restartable sequences under gdb: lists critical sections, and steps over them.

    (gdb) source perseq.py

A thread that is stopped inside a critical section is aborted by the kernel when it goes on. So a debugger that stops at each
instruction, as `stepi`, `next` and `step` do, keeps a section from ever committing, and a retry loop without a bound from ever
ending. These commands run a section at full speed instead, from before the store that arms it to a breakpoint behind it:

    rseq list [REGEX]    the critical sections of the program and its libraries
    rseq where           the section that the thread is in, and what its rseq area says
    rstepi [N]           as stepi, with a section as one instruction
    rnext [N]            as next, with a section as one instruction
    rfinish              run to the end of the section, and say which end it was
    set rseq-stepping    whether next, step, nexti and stepi step over sections too; on at first

Works on every program whose sections are listed in `__rseq_cs_ptr_array` or lie in `__rseq_cs`, as those of Perseq, librseq and
tcmalloc do.

A section is armed by a store of its descriptor's address, right before its first instruction. A thread that stops before
that store loses nothing. The breakpoints that catch a thread on its way stand one instruction earlier, so that gdb, which executes
the instruction under a breakpoint alone, stops before the store too. No breakpoint of this script ever stands in a section.

Loading it turns displaced stepping off. With that, gdb lets a thread go on from a breakpoint by executing a copy of the
instruction elsewhere. If the breakpoint is in a section, the kernel then sees a thread that has left it, and the rest of the section
runs without protection: updates are lost.
"""

import bisect
import re
import struct

import gdb

# Instructions that may go elsewhere, in the assembly of all architectures.
BRANCH = re.compile(r"(b|j|cb|tb|ret|c[lg]*(ij|rj)|call|loop)")
# Instructions that store: by their name, or `mov` to memory in either syntax of x86.
STORE = re.compile(r"st|s[dw]\s|mov\w*\s+([^,]+,[^,]*\(|(\w+ PTR )?(\w+:)?\[|[^,]+,%[fg]s:)")
# How far before a section the instructions that arm it are looked for, in bytes.
BACKWARDS = 64
# How long an abort handler is that belongs to no function, in bytes.
HANDLER = 16
# How many frames are looked at for functions that a step may return to.
FRAMES = 16
# Before a command whose stop is not to be shown, where gdb can do without.
QUIETLY = "with suppress-cli-notifications on -- "
# The register that points to a thread's own memory, for architectures by the beginnings of their names in gdb.
THREAD_POINTERS = {
    "i386:x86-64": "fs_base",
    "i386": "gs_base",
    "aarch64": "tpidr",
    "riscv": "tp",
    "loongarch": "tp",
    "powerpc": "r13",
}


# --- What is in the program


def byte_order():
    """As `struct` writes it."""
    return ">" if "big endian" in gdb.execute("show endian", to_string=True) else "<"


def memory_words(start, end, letter="Q"):
    """Unsigned words of memory, or of the file before the program runs; `letter` is that of `struct`."""
    size = struct.calcsize("=" + letter)
    count = (end - start) // size
    memory = gdb.selected_inferior().read_memory(start, count * size)
    return struct.unpack("%s%d%s" % (byte_order(), count, letter), memory.tobytes())


def instructions(start, end):
    """The instructions that begin in [start, end): address, length, text."""
    if start >= end:
        return []
    # A section belongs to the program, whose architecture need not be that of the selected frame.
    found = gdb.selected_inferior().architecture().disassemble(start, end - 1)
    return [(one["addr"], one["length"], one["asm"]) for one in found]


def symbol_at(address):
    """A place in code by its symbol, or by its number."""
    text = gdb.execute("info symbol %#x" % address, to_string=True).strip()
    return "%#x" % address if text.startswith("No symbol") else re.sub(r" in section .*", "", text)


def line_at(address):
    """A place in code by its line in the source, or nothing."""
    place = gdb.find_pc_line(address)
    return " at %s:%d" % (place.symtab.filename, place.line) if place.symtab else ""


def function_at(address):
    """Where the function begins that a place in code belongs to, or None."""
    block = gdb.block_for_pc(address)
    while block and block.superblock and not (block.superblock.is_static or block.superblock.is_global):
        block = block.superblock
    if block and block.function and block.start <= address:
        return block.start
    offset = re.search(r" \+ (\d+)$", symbol_at(address))
    return address - int(offset[1]) if offset else None


def address_of(name):
    """Where a variable lies, or None."""
    address = re.search(r"0x[0-9a-f]+", gdb.execute("info address " + name, to_string=True))
    return int(address[0], 16) if address else None


class Section:
    """A critical section."""

    def __init__(self, descriptor, start, length, abort):
        self.descriptor = descriptor
        self.start = start
        self.commit = start + length
        self.abort = abort
        self.exits = set()
        self._function = self._approach = None

    def __contains__(self, pc):
        return self.start <= pc < self.commit

    def __str__(self):
        return symbol_at(self.start) + line_at(self.start)

    @property
    def function(self):
        """Where the function begins that it is in, or its own beginning."""
        if self._function is None:
            self._function = function_at(self.start) or self.start
        return self._function

    @property
    def approach(self):
        """The instructions from which a thread may go on into the section without losing the attempt: the store that arms it,
        and the one before, where a breakpoint can stand. Empty if they cannot be told."""
        if self._approach is None:
            self._approach = self._find_approach()
        return self._approach

    def _find_approach(self):
        if self.function < self.start:
            return self._read_approach(self.function)
        # Instructions of several lengths cannot be read backwards. Read from nearly anywhere, they soon fall into step.
        readings = [self._read_approach(begin) for begin in range(self.start - BACKWARDS, self.start - 16)]
        approach = max(readings, key=readings.count)
        return approach if 2 * readings.count(approach) > len(readings) else ()

    def _read_approach(self, begin):
        try:
            code = instructions(begin, self.start)[-2:]
        except gdb.MemoryError:
            return ()
        at, length, text = code[-1]
        if at + length != self.start or len(code) < 2 or not STORE.match(text):
            return ()
        earlier, _, text = code[0]
        return (at,) if BRANCH.match(text) else (earlier, at)

    def find_exits(self):
        """Takes the exits from the instructions: branches that lead outside."""
        for _, _, text in instructions(self.start, self.commit):
            target = re.search(r"\b0x([0-9a-f]+)\s*$", re.sub(r"[#;<].*", "", text))
            if BRANCH.match(text) and target and int(target[1], 16) not in self:
                self.exits.add(int(target[1], 16))

    def ends(self):
        """Every place where a thread leaves the section, and what that means."""
        ends = {exit: "exit to %s" % symbol_at(exit) for exit in self.exits}
        ends[self.abort] = "abort handler"
        ends[self.commit] = "commit"
        return ends


class SectionTable:
    """The sections of all files that gdb knows."""

    def __init__(self):
        self.process = gdb.selected_inferior().pid
        self.files = []
        self.sections = []
        for file, parts in self._tables().items():
            try:
                sections = self._sections(parts)
            except gdb.MemoryError:
                continue
            self.files.append((file, sections))
            self.sections += sections
        self.sections.sort(key=lambda section: section.start)
        self._starts = [section.start for section in self.sections]
        self._handlers = sorted(section.abort for section in self.sections)

    @staticmethod
    def _tables():
        """The address ranges of the tables of each file, as they are in memory."""
        wanted = "__rseq_cs_ptr_array __rseq_cs __rseq_exit_point_array .rela.dyn"
        files, file = {}, None
        for line in gdb.execute("maint info sections -all-objects " + wanted, to_string=True).splitlines():
            named = re.search(r"file: `(.*)', file type (\S+)\.$", line)
            if named:
                file = files.setdefault(named[1], {"wide": "64" in named[2]})
            table = re.search(r"(0x[0-9a-f]+)->(0x[0-9a-f]+) at \S+ (\S+) .*\bHAS_CONTENTS", line)
            if table and file is not None:
                file[table[3]] = (int(table[1], 16), int(table[2], 16))
        return {file: tables for file, tables in files.items() if "__rseq_cs" in tables}

    @staticmethod
    def _sections(tables):
        filled = {}
        if not gdb.selected_inferior().pid and ".rela.dyn" in tables and tables["wide"]:
            # Addresses in a program that may lie anywhere are filled in when it is loaded.
            entries = memory_words(*tables[".rela.dyn"])
            filled = {at: value for at, info, value in zip(*[iter(entries)] * 3) if info >> 32 == 0}

        def load(start, end):
            return [filled.get(start + 8 * i, word) for i, word in enumerate(memory_words(start, end))]

        # A linker that removes what nothing refers to may have removed the array.
        listed = "__rseq_cs_ptr_array" in tables
        descriptors = load(*tables["__rseq_cs_ptr_array"]) if listed else range(*tables["__rseq_cs"], 32)
        sections = {}
        for descriptor in descriptors:
            start, length, abort = load(descriptor + 8, descriptor + 32)
            if start:
                sections[start] = Section(descriptor, start, length, abort)
        exits = load(*tables["__rseq_exit_point_array"]) if "__rseq_exit_point_array" in tables else []
        for start, exit in zip(exits[::2], exits[1::2]):
            if start in sections:
                sections[start].exits.add(exit)
        for section in sections.values():
            if not section.exits:
                section.find_exits()
        return sorted(sections.values(), key=lambda section: section.start)

    def around(self, pc):
        """The section that a place is in, or None."""
        i = bisect.bisect_right(self._starts, pc) - 1
        return self.sections[i] if i >= 0 and pc in self.sections[i] else None

    def ahead(self, pc):
        """The section that a thread at this place is about to arm, or None."""
        i = bisect.bisect_right(self._starts, pc)
        near = i < len(self.sections) and self._starts[i] - pc <= BACKWARDS
        return self.sections[i] if near and pc in self.sections[i].approach else None

    def is_handler(self, pc):
        """Whether a place is in an abort handler that belongs to no function, so that gdb cannot step by lines there."""
        i = bisect.bisect_right(self._handlers, pc) - 1
        return i >= 0 and pc - self._handlers[i] <= HANDLER and function_at(pc) is None

    def at(self, pc):
        """The section to step over at this place, or None."""
        return self.around(pc) or self.ahead(pc)


known_sections = None


def section_table():
    """The sections, read again when files came or went, or the program was started."""
    global known_sections
    known = known_sections
    # While a program is loaded its descriptors are empty.
    if known is None or known.process != gdb.selected_inferior().pid or not known.sections:
        known_sections = SectionTable()
    return known_sections


def forget_sections(_event=None):
    global known_sections
    known_sections = None


class Area:
    """What the kernel tells the selected thread (`struct rseq`)."""

    def __init__(self):
        self.address = self._find()
        if self.address:
            self.cpu_id_start, self.cpu_id = memory_words(self.address, self.address + 8, "I")
            (self.rseq_cs,) = memory_words(self.address + 8, self.address + 16)

    @staticmethod
    def _find():
        """Where libc has registered it, or a library that calls it `__rseq_abi`; None if that cannot be told."""
        # By addresses, as expressions are of the language of the frame.
        size, offset = address_of("__rseq_size"), address_of("__rseq_offset")
        frame = gdb.newest_frame()
        name = frame.architecture().name()
        register = next((THREAD_POINTERS[arch] for arch in THREAD_POINTERS if name.startswith(arch)), None)
        try:
            if size and offset and register and memory_words(size, size + 4, "I") != (0,):
                letter = "i" if name == "i386" else "q"
                (offset,) = memory_words(offset, offset + struct.calcsize("=" + letter), letter)
                return int(frame.read_register(register)) + offset
            return int(gdb.parse_and_eval("&__rseq_abi"))
        except (gdb.error, ValueError):
            return None


# --- Stepping


class Mark(gdb.Breakpoint):
    """An internal breakpoint for one thread, which stops there if `condition` holds."""

    def __init__(self, address, thread, condition):
        super().__init__("*%#x" % address, internal=True)
        self.silent = True
        self.thread = thread.global_num
        self._condition = condition

    def stop(self):
        return self._condition()


def stack_pointer():
    return int(gdb.newest_frame().read_register("sp"))


def physical(frame):
    """The frame of the function that a frame's code was inlined into."""
    while frame.type() == gdb.INLINE_FRAME and frame.older():
        frame = frame.older()
    return frame


def frames(frame, limit=FRAMES):
    """A frame and those that it will return to."""
    while frame and limit:
        yield frame
        frame, limit = frame.older(), limit - 1


class Stop:
    """How a command that ran the program ended."""

    last_event = None
    #: The command that runs the program is one of this script, and no user's.
    is_ours = False

    def __init__(self, thread):
        self.event = event = Stop.last_event
        selected = gdb.selected_thread()
        ours = event is not None and selected is not None and selected.global_num == thread
        self.hit = event.breakpoints if isinstance(event, gdb.BreakpointEvent) else []
        #: At one of our own breakpoints, and none of the user's.
        self.at_mark = ours and bool(self.hit) and all(isinstance(one, Mark) for one in self.hit)
        #: A step was done. Python is told as little of that as of a catchpoint.
        self.stepped = ours and type(event) is gdb.StopEvent and "at breakpoint" not in info_program()

    def show(self):
        """Says where the program is, and why if that is not because a step was done."""
        event = self.event
        if isinstance(event, gdb.ExitedEvent):
            code = " with code %d" % event.exit_code if hasattr(event, "exit_code") else ""
            gdb.write("[Inferior %d exited%s]\n" % (event.inferior.num, code))
            return
        if isinstance(event, gdb.SignalEvent):
            gdb.write("Thread %d received signal %s.\n" % (gdb.selected_thread().num, event.stop_signal))
        elif not (self.at_mark or self.stepped):
            gdb.write("".join("Breakpoint %d, " % one.number for one in self.hit if one.number > 0) or info_program())
        gdb.execute("frame")


def info_program():
    return gdb.execute("info program", to_string=True)


def run(command):
    """Runs a command of gdb that lets the program go on, to its end. Where that is, is shown when all is done."""
    thread = gdb.selected_thread().global_num
    Stop.last_event, Stop.is_ours = None, True
    try:
        gdb.execute(QUIETLY + command, to_string=True)
    finally:
        Stop.is_ours = False
    return Stop(thread)


def cross(section):
    """Lets the selected thread go on to an end of a section, which it is in or about to arm."""
    thread, stack = gdb.selected_thread(), stack_pointer()
    locking = gdb.parameter("scheduler-locking")
    marks = []
    try:
        for end in section.ends():
            # Sections use no stack. The same place on another is one in a signal handler.
            marks.append(Mark(end, thread, lambda: stack_pointer() == stack))
        # What belongs to a step keeps the others where they are if steps do.
        if locking == "step":
            gdb.execute("set scheduler-locking on")
        stop = run("continue")
    finally:
        for mark in marks:
            if mark.is_valid():
                mark.delete()
        if locking == "step":
            gdb.execute("set scheduler-locking step")
    return stop


class Stepping:
    """A step by lines that is under way, and the breakpoints that stop it before each section."""

    #: That of a built-in command, if one runs.
    current = None

    def __init__(self, command):
        self.command = command
        self.thread = gdb.selected_thread()
        self.marks = []
        self.stay(gdb.newest_frame())

    def stay(self, frame):
        """Takes the step for one out of the line of this frame."""
        self.frame, self.physical = frame, physical(frame)
        self.line = self._line(frame)

    @staticmethod
    def _line(frame):
        place = frame.find_sal()
        return (place.symtab.fullname() if place.symtab else None, place.line)

    def arm(self):
        """Sets a breakpoint before each section of the functions that the step may go through itself."""
        functions = set()
        for i, frame in enumerate(frames(gdb.newest_frame())):
            if frame.pc():
                # Behind a call there may be another function.
                functions.add(function_at(frame.pc() - (i > 0)))
        near = [section for section in section_table().sections if section.function in functions]
        for section in near:
            if section.approach:
                # Calls that are stepped over run at full speed, so nothing is lost in them.
                self.marks.append(Mark(section.approach[0], self.thread, lambda: not self.is_called()))

    def disarm(self):
        for mark in self.marks:
            if mark.is_valid():
                mark.delete()
        self.marks = []

    def is_called(self):
        """Whether the newest function was called by the one that the step is in."""
        newest = physical(gdb.newest_frame())
        return newest != self.physical and any(frame == self.physical for frame in frames(newest, 1000))

    def is_done(self, stepped):
        """Whether the step has left its line and come to the beginning of another."""
        newest = gdb.newest_frame()
        if section_table().is_handler(newest.pc()):
            return False
        if newest == self.frame:
            if self._line(newest) == self.line:
                return False
        elif any(frame == self.frame for frame in frames(newest)):
            # In something that was inlined.
            return False
        return stepped or newest.find_sal().pc == newest.pc()

    def caught(self):
        """A breakpoint before a section has stopped the step, in the line in which it now is."""
        newest = gdb.newest_frame()
        self.stay(next((frame for frame in frames(newest) if frame == self.frame), newest))

    def finish(self):
        """Steps on, over every section, until the step is done or something else stops the program."""
        while True:
            section = section_table().at(gdb.newest_frame().pc())
            if section:
                # Breakpoints before sections, which other threads meet too, are not needed meanwhile.
                self.disarm()
                stop = cross(section)
                if not stop.at_mark or self.is_done(False):
                    return stop
            leaves = section_table().is_handler(gdb.newest_frame().pc())
            if not self.marks and not leaves:
                self.arm()
            stop = run("stepi" if leaves else self.command)
            if stop.at_mark:
                self.caught()
            elif not stop.stepped or self.is_done(not leaves):
                return stop


def step_line(command):
    """Steps once by a line."""
    stepping = Stepping(command)
    try:
        return stepping.finish()
    finally:
        stepping.disarm()


def step_instruction(command):
    """Steps once by an instruction."""
    section = section_table().at(gdb.newest_frame().pc())
    return cross(section) if section else run(command)


def require_thread():
    if gdb.selected_thread() is None:
        raise gdb.GdbError("The program is not being run.")


def repeat(step, command, argument):
    """Steps as often as an argument says, and shows where that has led."""
    require_thread()
    stop = None
    for _ in range(int(gdb.parse_and_eval(argument)) if argument else 1):
        stop = step(command)
        if not (stop.stepped or stop.at_mark):
            break
    if stop:
        stop.show()


# --- The built-in commands


def before_step(command):
    """A built-in command is about to step."""
    if Stop.is_ours or not gdb.parameter("rseq-stepping") or gdb.selected_thread() is None:
        return
    abandon_step()
    try:
        section = section_table().at(gdb.newest_frame().pc())
        if section and not cross(section).at_mark:
            return
        while not command.endswith("i") and section_table().is_handler(gdb.newest_frame().pc()):
            if not run("stepi").stepped:
                return
        Stop.last_event = None
        Stepping.current = Stepping(command)
        Stepping.current.arm()
    except gdb.error as error:
        # An error would keep the command from being executed.
        gdb.write("Critical sections are not stepped over: %s\n" % error, gdb.STDERR)


def after_step(_event=None):
    """A built-in command is done, if the program has stopped: goes on for it if it was a section that stopped it."""
    stepping, thread = Stepping.current, gdb.selected_thread()
    if stepping is None or Stop.is_ours or thread is not None and thread.is_running():
        return
    try:
        if thread and stepping.thread.is_valid():
            stop = Stop(stepping.thread.global_num)
            if stop.at_mark:
                # To a step by instructions, the section is the next one.
                if not stepping.command.endswith("i"):
                    stepping.caught()
                    stop = stepping.finish()
                stop.show()
    finally:
        abandon_step()


def abandon_step():
    stepping, Stepping.current = Stepping.current, None
    if stepping:
        stepping.disarm()


def stopped(event):
    """The program has stopped, so no breakpoint of ours is needed until it goes on."""
    Stop.last_event = event
    if Stepping.current and not Stop.is_ours:
        Stepping.current.disarm()


# --- Commands


class RseqCommand(gdb.Command):
    """Restartable sequences: critical sections, and the thread that is in one."""

    def __init__(self):
        super().__init__("rseq", gdb.COMMAND_RUNNING, prefix=True)


class RseqList(gdb.Command):
    """List the critical sections of the program and its libraries.
Usage: rseq list [REGEX]
With REGEX, only those whose symbol or line it is found in.
Each has the address of its first instruction, of its commit (the first instruction behind it), of its abort handler and of its
descriptor, the symbol and the line; then its exits, which are the other places where it is left."""

    def __init__(self):
        super().__init__("rseq list", gdb.COMMAND_STATUS)

    def invoke(self, argument, _from_tty):
        wanted = re.compile(argument)
        files = section_table().files
        if not files:
            gdb.write("There are no critical sections, or no sections of ELF files that list them.\n")
        for file, sections in files:
            shown = [section for section in sections if wanted.search(str(section))]
            if not shown:
                continue
            gdb.write("%s: %d critical sections\n" % (file, len(shown)))
            row = "%-18s %-18s %-18s %-18s %s\n"
            gdb.write(row % ("start", "commit", "abort handler", "descriptor", "in"))
            for one in shown:
                numbers = ["%#x" % at for at in (one.start, one.commit, one.abort, one.descriptor)]
                gdb.write(row % (*numbers, one))
                exits = sorted(one.exits - {one.abort})
                if exits:
                    gdb.write("%18s %s\n" % ("exits", ", ".join("%#x" % exit for exit in exits)))


class RseqWhere(gdb.Command):
    """Show the critical section that the selected thread is in, and what its rseq area says.
Usage: rseq where"""

    def __init__(self):
        super().__init__("rseq where", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        require_thread()
        pc = gdb.newest_frame().pc()
        section, ahead = section_table().around(pc), section_table().ahead(pc)
        if section:
            gdb.write("in the section %s\n" % section)
            left = len(instructions(pc, section.commit))
            gdb.write("%d bytes from its start, %d instructions before its commit\n" % (pc - section.start, left))
            gdb.write("it will be aborted: the thread goes on at %s\n" % symbol_at(section.abort))
        elif ahead:
            gdb.write("about to arm the section %s\n" % ahead)
        else:
            gdb.write("in no section\n")
        area = Area()
        if not area.address:
            gdb.write("rseq area: not known\n")
            return
        armed = next((one for one in section_table().sections if one.descriptor == area.rseq_cs), None)
        gdb.write("rseq area at %#x: cpu_id_start %d, " % (area.address, area.cpu_id_start))
        gdb.write("cpu_id %d, rseq_cs %#x" % (area.cpu_id, area.rseq_cs))
        gdb.write(" (%s)\n" % armed if armed else "\n")


class StepInstructions(gdb.Command):
    """Step one instruction, or over one critical section.
Usage: rstepi [N]
As `stepi`, but a section, with the instructions that arm it, counts as one instruction, which runs at full speed.
A section that the thread is in already is aborted, so that the step ends at its abort handler."""

    def __init__(self):
        super().__init__("rstepi", gdb.COMMAND_RUNNING)

    def invoke(self, argument, _from_tty):
        repeat(step_instruction, "stepi", argument)


class NextLines(gdb.Command):
    """Step to the next line, over calls and critical sections.
Usage: rnext [N]
As `next`, but sections run at full speed."""

    def __init__(self):
        super().__init__("rnext", gdb.COMMAND_RUNNING)

    def invoke(self, argument, _from_tty):
        repeat(step_line, "next", argument)


class FinishSection(gdb.Command):
    """Run to the end of the critical section that the thread is in or about to arm, and say which end that was.
Usage: rfinish
The ends are the commit, the exits and the abort handler. A thread that was stopped inside the section goes on at the last."""

    def __init__(self):
        super().__init__("rfinish", gdb.COMMAND_RUNNING)

    def invoke(self, _argument, _from_tty):
        require_thread()
        section = section_table().at(gdb.newest_frame().pc())
        if section is None:
            raise gdb.GdbError("The thread is in no critical section.")
        ends = section.ends()
        stop = cross(section)
        if stop.at_mark:
            gdb.write("Run till the %s of %s\n" % (ends[gdb.newest_frame().pc()], section))
        stop.show()


class SteppingParameter(gdb.Parameter):
    """Whether next, step, nexti and stepi step over critical sections.
A count given to them ends at the first section: `rnext N` and `rstepi N` go on. A step that begins right before a section goes one
instruction or line further than the section."""

    set_doc = "Set whether next, step, nexti and stepi step over critical sections."
    show_doc = "Show whether next, step, nexti and stepi step over critical sections."

    def __init__(self):
        super().__init__("rseq-stepping", gdb.COMMAND_RUNNING, gdb.PARAM_BOOLEAN)
        self.value = True

    def get_set_string(self):
        return ""

    def get_show_string(self, value):
        return "Stepping over critical sections is %s." % value


def load():
    """Makes the commands known."""
    global QUIETLY
    try:
        gdb.parameter(QUIETLY.split()[1])
    except RuntimeError:
        QUIETLY = ""
    for command in (RseqCommand, RseqList, RseqWhere, StepInstructions, NextLines, FinishSection, SteppingParameter):
        command()
    for command in ("next", "step", "nexti", "stepi"):
        gdb.execute("define hook-%s\npython before_step('%s')\nend" % (command, command))
        gdb.execute("define hookpost-%s\npython after_step()\nend" % command)
    events = gdb.events
    events.stop.connect(stopped)
    events.exited.connect(stopped)
    for name in ("new_objfile", "free_objfile", "clear_objfiles", "exited"):
        if hasattr(events, name):
            getattr(events, name).connect(forget_sections)
    # The prompt comes when a command that did not wait for the program has stopped.
    events.before_prompt.connect(after_step)
    gdb.execute("set displaced-stepping off")


load()
