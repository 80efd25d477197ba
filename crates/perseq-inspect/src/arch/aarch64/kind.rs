//! What the instructions of aarch64 do with their operands.

use yaxpeax_arm::armv8::a64::{Instruction, Opcode, Operand, SIMDSizeCode, SizeCode};

/// What an instruction does with its operands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Reads them all.
    Reads,
    /// Stores; a store-conditional writes the first.
    Store { may_fail: bool },
    /// Loads and stores.
    Atomic,
    /// Loads, and writes that many of them.
    Load(usize),
    /// Writes the first, which it does not read.
    Writes,
    /// Writes the first, and may read it.
    Changes,
}

/// The kind of an instruction.
pub(super) fn kind(opcode: Opcode) -> Kind {
    use Opcode as O;
    match opcode {
        O::STR
        | O::STRB
        | O::STRH
        | O::STRW
        | O::STUR
        | O::STURB
        | O::STURH
        | O::STTR
        | O::STTRB
        | O::STTRH
        | O::STLR
        | O::STLRB
        | O::STLRH
        | O::STLLR
        | O::STLLRB
        | O::STLLRH
        | O::STLUR
        | O::STLURB
        | O::STLURH
        | O::STP
        | O::STNP
        | O::ST1
        | O::ST2
        | O::ST3
        | O::ST4
        | O::STG
        | O::STZG
        | O::ST2G
        | O::STZ2G
        | O::STGM
        | O::STZGM => Kind::Store { may_fail: false },
        O::STXR | O::STXRB | O::STXRH | O::STXP | O::STLXR | O::STLXRB | O::STLXRH | O::STLXP => {
            Kind::Store { may_fail: true }
        }
        O::SWP(_)
        | O::SWPB(_)
        | O::SWPH(_)
        | O::CAS(_)
        | O::CASB(_)
        | O::CASH(_)
        | O::CASP(_)
        | O::LDADD(_)
        | O::LDADDB(_)
        | O::LDADDH(_)
        | O::LDCLR(_)
        | O::LDCLRB(_)
        | O::LDCLRH(_)
        | O::LDEOR(_)
        | O::LDEORB(_)
        | O::LDEORH(_)
        | O::LDSET(_)
        | O::LDSETB(_)
        | O::LDSETH(_)
        | O::LDSMAX(_)
        | O::LDSMAXB(_)
        | O::LDSMAXH(_)
        | O::LDSMIN(_)
        | O::LDSMINB(_)
        | O::LDSMINH(_)
        | O::LDUMAX(_)
        | O::LDUMAXB(_)
        | O::LDUMAXH(_)
        | O::LDUMIN(_)
        | O::LDUMINB(_)
        | O::LDUMINH(_) => Kind::Atomic,
        O::LDP | O::LDPSW | O::LDNP | O::LDXP | O::LDAXP => Kind::Load(2),
        O::LDR
        | O::LDRB
        | O::LDRH
        | O::LDRSB
        | O::LDRSH
        | O::LDRSW
        | O::LDUR
        | O::LDURB
        | O::LDURH
        | O::LDURSB
        | O::LDURSH
        | O::LDURSW
        | O::LDTR
        | O::LDTRB
        | O::LDTRH
        | O::LDTRSB
        | O::LDTRSH
        | O::LDTRSW
        | O::LDAR
        | O::LDARB
        | O::LDARH
        | O::LDLAR
        | O::LDLARB
        | O::LDLARH
        | O::LDXR
        | O::LDXRB
        | O::LDXRH
        | O::LDAXR
        | O::LDAXRB
        | O::LDAXRH
        | O::LDAPR
        | O::LDAPRB
        | O::LDAPRH
        | O::LDAPUR
        | O::LDAPURB
        | O::LDAPURH
        | O::LDAPURSB
        | O::LDAPURSH
        | O::LDAPURSW
        | O::LDRAA
        | O::LDRAB => Kind::Load(1),
        O::CBZ
        | O::CBNZ
        | O::TBZ
        | O::TBNZ
        | O::CCMP
        | O::CCMN
        | O::FCMP
        | O::FCMPE
        | O::FCCMP
        | O::FCCMPE
        | O::MSR
        | O::PRFM
        | O::PRFUM
        | O::HINT => Kind::Reads,
        O::ADD
        | O::ADDS
        | O::SUB
        | O::SUBS
        | O::ADC
        | O::ADCS
        | O::SBC
        | O::SBCS
        | O::AND
        | O::ANDS
        | O::BIC
        | O::BICS
        | O::ORR
        | O::ORN
        | O::EOR
        | O::EON
        | O::MOVZ
        | O::MOVN
        | O::ADR
        | O::ADRP
        | O::MRS
        | O::MADD
        | O::MSUB
        | O::UBFM
        | O::SBFM
        | O::EXTR
        | O::LSLV
        | O::LSRV
        | O::ASRV
        | O::RORV
        | O::UDIV
        | O::SDIV
        | O::CSEL
        | O::CSINC
        | O::CSINV
        | O::CSNEG
        | O::CLZ
        | O::CLS
        | O::RBIT
        | O::REV
        | O::REV16
        | O::REV32 => Kind::Writes,
        _ => Kind::Changes,
    }
}

/// How many registers a store stores.
pub(super) fn pairs(opcode: Opcode) -> u32 {
    match opcode {
        Opcode::STP | Opcode::STNP | Opcode::STXP | Opcode::STLXP | Opcode::CASP(_) => 2,
        Opcode::ST1 | Opcode::ST2 | Opcode::ST3 | Opcode::ST4 => 0,
        _ => 1,
    }
}

/// How many bytes a store of `source` stores; 0 if that is not known.
pub(super) fn stored_bytes(instruction: &Instruction, source: Operand) -> u32 {
    use Opcode as O;
    let width = match (instruction.opcode, source) {
        (
            O::STRB
            | O::STURB
            | O::STTRB
            | O::STLRB
            | O::STLLRB
            | O::STLURB
            | O::STXRB
            | O::STLXRB
            | O::SWPB(_)
            | O::CASB(_)
            | O::LDADDB(_)
            | O::LDCLRB(_)
            | O::LDEORB(_)
            | O::LDSETB(_),
            _,
        ) => 1,
        (
            O::STRH
            | O::STURH
            | O::STTRH
            | O::STLRH
            | O::STLLRH
            | O::STLURH
            | O::STXRH
            | O::STLXRH
            | O::SWPH(_)
            | O::CASH(_)
            | O::LDADDH(_)
            | O::LDCLRH(_)
            | O::LDEORH(_)
            | O::LDSETH(_),
            _,
        ) => 2,
        (_, Operand::Register(SizeCode::W, _)) => 4,
        (_, Operand::Register(SizeCode::X, _)) => 8,
        (_, Operand::SIMDRegister(size, _)) => match size {
            SIMDSizeCode::B => 1,
            SIMDSizeCode::H => 2,
            SIMDSizeCode::S => 4,
            SIMDSizeCode::D => 8,
            SIMDSizeCode::Q => 16,
        },
        _ => 0,
    };
    width * pairs(instruction.opcode)
}
