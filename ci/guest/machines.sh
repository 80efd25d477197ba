# Shared by run and fetch: the machine that stands for an architecture.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2054 # what `machine` sets is for those who call it; the commas are the emulator's

cache=$PWD/ci/cache/guest
machines=(x86_64 aarch64 riscv64 s390x powerpc64le armv7 loongarch64)
# An emulator that is newer than the installed one.
PATH=$cache/bin:$PATH

# machine ARCH: sets
#   qemu       the emulator, with the machine and the CPU
#   oldest     the oldest version of the emulator that will do
#   console    the kernel's console, which is the first serial port
#   output     the terminal of the second serial port, which is for the program
#   ports      how the emulator is asked for both ports
#   arguments  what the kernel must be told to start there
#   wanted     the kernel that is started when none is chosen: its version, or its suite
#   suites     the suites of Debian that kernels are taken from, as far as they have both ports without a module
#   debian     Debian's name of the architecture
#   flavour    how the names of its kernels end
#   packages   packages of the emulator, and what links and runs the targets
#   targets    the targets of Rust; the first process of the guest is of the first one
machine() {
    oldest=5 console=ttyS0 output=ttyS1 arguments='' wanted=6.12 debian=$1 flavour=$1
    ports=(-serial chardev:console -device pci-serial,chardev=output)
    suites=(bookworm trixie sid experimental)
    case $1 in
    x86_64 | i686)
        qemu=(qemu-system-x86_64 -M pc -cpu qemu64)
        ports=(-serial chardev:console -serial chardev:output)
        suites+=(bullseye) debian=amd64 flavour=amd64
        # The last three: 32-bit programs, which run on the host too.
        packages=(qemu-system-x86 gcc-i686-linux-gnu libc6-dev-i386-cross libc6-i386 lib32gcc-s1)
        targets=(x86_64-unknown-linux-musl i686-unknown-linux-gnu i686-unknown-linux-musl)
        ;;
    aarch64)
        qemu=(qemu-system-aarch64 -M virt -cpu cortex-a76) console=ttyAMA0 output=ttyS0
        suites+=(bullseye) debian=arm64 flavour=arm64
        packages=(qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
        targets=(aarch64-unknown-linux-gnu aarch64-unknown-linux-musl)
        ;;
    riscv64)
        qemu=(qemu-system-riscv64 -M virt)
        suites=(trixie sid)
        packages=(qemu-system-misc opensbi gcc-riscv64-linux-gnu libc6-dev-riscv64-cross)
        targets=(riscv64gc-unknown-linux-gnu riscv64gc-unknown-linux-musl)
        ;;
    s390x)
        # Linux makes every port of the kind that the first one is a console, so the second one is of another kind.
        qemu=(qemu-system-s390x -M s390-ccw-virtio -cpu max) console=ttysclp0 output=hvc0
        ports=(-serial chardev:console -device virtio-serial-ccw -device virtconsole,chardev=output)
        suites=(trixie sid experimental)
        packages=(qemu-system-misc gcc-s390x-linux-gnu libc6-dev-s390x-cross)
        targets=(s390x-unknown-linux-gnu)
        ;;
    powerpc64le)
        # The emulator does not have the flush of the count cache that the machine would promise to the kernel; and its own
        # firmware starts in half the time.
        qemu=(qemu-system-ppc64 -M "pseries,cap-ccf-assist=off,x-vof=on" -cpu power9) console=hvc0 output=hvc1
        ports=(-serial chardev:console -device spapr-vty,chardev=output)
        debian=ppc64el
        packages=(qemu-system-ppc gcc-powerpc64le-linux-gnu libc6-dev-ppc64el-cross)
        targets=(powerpc64le-unknown-linux-gnu powerpc64le-unknown-linux-musl)
        ;;
    armv7)
        qemu=(qemu-system-arm -M virt -cpu cortex-a15) console=ttyAMA0 output=ttyS0
        debian=armhf flavour=armmp-lpae
        packages=(qemu-system-arm gcc-arm-linux-gnueabihf libc6-dev-armhf-cross)
        targets=(armv7-unknown-linux-gnueabihf armv7-unknown-linux-musleabihf)
        ;;
    loongarch64)
        # The first version that starts a kernel without firmware, of those that Debian has. But then nothing says that there is
        # no keyboard controller, and the kernel dies of looking for it.
        qemu=(qemu-system-loongarch64 -M virt -cpu la464) oldest=10 arguments=initcall_blacklist=i8042_init
        ports=(-serial chardev:console -serial chardev:output)
        wanted=sid suites=(sid experimental) debian=loong64 flavour=loong64
        packages=(qemu-system-misc zstd)
        targets=(loongarch64-unknown-linux-gnu)
        ;;
    *) return 1 ;;
    esac
    home=$cache/$debian
}
