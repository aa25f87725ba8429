//! AMX's instructions on processors that lack them, so that tests run the very assembly of `amx.rs` there.
//!
//! Such a processor stops at each of them with an illegal instruction. A signal handler does what the instruction would have done
//! (Intel's Software Developer's Manual, volume 2, chapter 3) on registers of its own, and goes on behind it.

use crate::tile::{LINES, Tile};
use std::cell::Cell;
use std::sync::Once;

/// What a thread's AMX registers hold.
#[derive(Clone, Copy)]
struct Registers {
    configured: bool,
    tiles: [Tile; 8],
}

const EMPTY: Registers = Registers { configured: false, tiles: [Tile::ZERO; 8] };

thread_local! {
    static REGISTERS: Cell<Registers> = const { Cell::new(EMPTY) };
}

/// From now on, AMX's instructions work in this process.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: all zeros are an empty mask and no flags; the handler has the three parameters that `SA_SIGINFO` asks for.
        let failed = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_illegal_instruction as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            libc::sigaction(libc::SIGILL, &raw const action, std::ptr::null_mut())
        };
        assert_eq!(failed, 0, "a handler for illegal instructions");
    });
}

extern "C" fn on_illegal_instruction(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system passes the interrupted thread's context.
    let general = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let start = general[libc::REG_RIP as usize] as *const u8;
    // SAFETY: the processor has read the instruction from there.
    let done = unsafe { Instruction::read(start, general) }.is_some_and(|instruction| {
        let mut registers = REGISTERS.get();
        // SAFETY: the memory is what the program hands to the processor.
        let known = unsafe { instruction.run(&mut registers) };
        REGISTERS.set(registers);
        general[libc::REG_RIP as usize] += instruction.length;
        known
    });
    if !done {
        // Some other instruction, or a wrong use of these: as if there was no handler.
        // SAFETY: ends the process.
        unsafe { libc::abort() };
    }
}

/// An instruction with a three-byte VEX prefix and an opcode of the second map, as all of AMX's are.
struct Instruction {
    prefix: u8,
    opcode: u8,
    /// Registers named by `ModRM`'s `reg`, by its `rm`, and by the prefix.
    reg: usize,
    rm: usize,
    third: usize,
    in_memory: bool,
    address: usize,
    stride: usize,
    length: i64,
}

impl Instruction {
    /// `None` where it is another kind of instruction.
    ///
    /// # Safety
    /// `start` is that of an instruction.
    unsafe fn read(start: *const u8, general: &[i64; 23]) -> Option<Instruction> {
        // SAFETY: only called for bytes of the instruction, each known to follow from those before.
        let byte = |at: usize| unsafe { *start.add(at) };
        if byte(0) != 0xc4 || byte(1) & 0x1f != 2 {
            return None;
        }
        let extended = |bit: u8| usize::from(byte(1) & bit == 0) << 3;
        let (index_extension, base_extension) = (extended(0x40), extended(0x20));
        let (opcode, modrm) = (byte(3), byte(4));
        let (mode, rm) = (modrm >> 6, usize::from(modrm & 7));
        let mut next = 5;
        let (mut address, mut stride) = (0, 0);
        if mode != 3 {
            let mut base = rm;
            if rm == 4 {
                let sib = byte(next);
                next += 1;
                base = usize::from(sib & 7);
                let index = usize::from(sib >> 3 & 7) + index_extension;
                stride = if index == 4 { 0 } else { register(general, index) << (sib >> 6) };
            }
            // Without a displacement, this base means none at all.
            if mode == 0 && base == 5 {
                return None;
            }
            address = register(general, base + base_extension);
            let displacement = match mode {
                0 => 0,
                1 => isize::from(byte(next).cast_signed()),
                _ => i32::from_le_bytes(std::array::from_fn(|at| byte(next + at))) as isize,
            };
            next += [0, 1, 4][usize::from(mode)];
            address = address.wrapping_add_signed(displacement);
        }
        Some(Instruction {
            prefix: byte(2) & 3,
            opcode,
            reg: usize::from(modrm >> 3 & 7),
            rm,
            third: usize::from(!byte(2) >> 3 & 7),
            in_memory: mode != 3,
            address,
            stride,
            length: next as i64,
        })
    }

    /// Whether it is one of AMX's, and used as it may be.
    ///
    /// # Safety
    /// Its address is that of memory which the program may use.
    unsafe fn run(&self, registers: &mut Registers) -> bool {
        const NONE: u8 = 0;
        const P66: u8 = 1;
        const F3: u8 = 2;
        const F2: u8 = 3;
        let line = |line: usize| self.address.wrapping_add(line * self.stride) as *mut [u32; LINES];
        match (self.opcode, self.prefix, self.in_memory) {
            // ldtilecfg: nothing but 8 tiles of 16 rows of 64 bytes.
            (0x49, NONE, true) => {
                let mut expected = [0u8; 64];
                expected[0] = 1;
                for tile in 0..8 {
                    expected[16 + 2 * tile] = 64;
                    expected[48 + tile] = 16;
                }
                // SAFETY: by the caller's promise.
                let found = unsafe { std::ptr::read_unaligned(self.address as *const [u8; 64]) };
                *registers = Registers { configured: true, ..EMPTY };
                return found == expected;
            }
            // tilerelease
            (0x49, NONE, false) => *registers = EMPTY,
            // tilezero
            (0x49, F2, false) => registers.tiles[self.reg] = Tile::ZERO,
            // tileloadd, and tileloaddt1, which differs in what the caches keep
            (0x4b, F2 | P66, true) => {
                for (at, words) in registers.tiles[self.reg].0.iter_mut().enumerate() {
                    // SAFETY: by the caller's promise.
                    *words = unsafe { std::ptr::read_unaligned(line(at)) };
                }
            }
            // tilestored
            (0x4b, F3, true) => {
                for (at, words) in registers.tiles[self.reg].0.iter().enumerate() {
                    // SAFETY: by the caller's promise.
                    unsafe { std::ptr::write_unaligned(line(at), *words) };
                }
            }
            // tdpbf16ps
            (0x5c, F3, false) => {
                let (left, right) = (registers.tiles[self.rm], registers.tiles[self.third]);
                multiply(&mut registers.tiles[self.reg], &left, &right, product_of_bf16);
            }
            // tdpbusd
            (0x5e, P66, false) => {
                let (left, right) = (registers.tiles[self.rm], registers.tiles[self.third]);
                multiply(&mut registers.tiles[self.reg], &left, &right, product_of_bytes);
            }
            _ => return false,
        }
        registers.configured || (self.opcode, self.prefix, self.in_memory) == (0x49, NONE, false)
    }
}

/// A general register by its number in instructions.
fn register(general: &[i64; 23], number: usize) -> usize {
    const NAMES: [libc::c_int; 16] = [
        libc::REG_RAX,
        libc::REG_RCX,
        libc::REG_RDX,
        libc::REG_RBX,
        libc::REG_RSP,
        libc::REG_RBP,
        libc::REG_RSI,
        libc::REG_RDI,
        libc::REG_R8,
        libc::REG_R9,
        libc::REG_R10,
        libc::REG_R11,
        libc::REG_R12,
        libc::REG_R13,
        libc::REG_R14,
        libc::REG_R15,
    ];
    general[NAMES[number] as usize] as usize
}

/// `sums` += `left` · `right`, where `add` is what becomes of a sum and two words.
fn multiply(sums: &mut Tile, left: &Tile, right: &Tile, add: fn(u32, u32, u32) -> u32) {
    for (sums, left) in sums.0.iter_mut().zip(&left.0) {
        for (left, right) in left.iter().zip(&right.0) {
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = add(*sum, *left, *right);
            }
        }
    }
}

fn product_of_bf16(sum: u32, left: u32, right: u32) -> u32 {
    let value = |word: u32, half: u32| f32::from_bits((word >> (16 * half)) << 16);
    (0..2).fold(f32::from_bits(sum), |sum, half| sum + value(left, half) * value(right, half)).to_bits()
}

/// Unsigned bytes times signed ones.
fn product_of_bytes(sum: u32, left: u32, right: u32) -> u32 {
    let pairs = left.to_le_bytes().into_iter().zip(right.to_le_bytes());
    let products = pairs.map(|(left, right)| i32::from(left) * i32::from(right.cast_signed()));
    products.fold(sum.cast_signed(), i32::wrapping_add).cast_unsigned()
}
