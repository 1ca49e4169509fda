<?php
/**
 * Amounts of money.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Decimal text. Amounts that a shop stores as text never pass through a floating-point number, which would change the
 * last digits of large ones.
 */
final class Amount {

	/**
	 * The gateway accepts as many decimals.
	 */
	const MOST_DECIMALS = 8;

	/**
	 * The sums that WooCommerce computes are floating-point numbers; beyond this decimal they contain noise.
	 */
	const FLOAT_DECIMALS = 6;

	const DECIMAL = '/^([+-]?)0*([0-9]*)(?:\.([0-9]*))?$/D';

	/**
	 * An amount with the shop's number of decimals, or more if the amount has more.
	 *
	 * @param mixed $amount A number, or a number as text.
	 * @return string Such as 129.90.
	 */
	public static function text( $amount ) {
		list( $sign, $whole, $decimals ) = self::parts( $amount );
		$usual    = function_exists( '\wc_get_price_decimals' ) ? max( 0, min( self::MOST_DECIMALS, (int) wc_get_price_decimals() ) ) : 2;
		$decimals = str_pad( rtrim( $decimals, '0' ), $usual, '0' );
		return $sign . $whole . ( '' === $decimals ? '' : '.' . $decimals );
	}

	/**
	 * An amount without its sign.
	 *
	 * @param mixed $amount A number, or a number as text.
	 * @return string
	 */
	public static function absolute( $amount ) {
		return ltrim( self::text( $amount ), '-' );
	}

	/**
	 * One amount minus another.
	 *
	 * @param mixed $amount A number, or a number as text.
	 * @param mixed $less   What is subtracted.
	 * @return string
	 */
	public static function difference( $amount, $less ) {
		list( $whole, $part )           = self::integers( $amount );
		list( $less_whole, $less_part ) = self::integers( $less );

		$whole -= $less_whole;
		$part  -= $less_part;
		$unit   = 10 ** self::MOST_DECIMALS;
		$whole += intdiv( $part, $unit );
		$part  %= $unit;
		if ( $whole > 0 && $part < 0 ) {
			--$whole;
			$part += $unit;
		} elseif ( $whole < 0 && $part > 0 ) {
			++$whole;
			$part -= $unit;
		}
		$sign = $whole < 0 || $part < 0 ? '-' : '';
		return self::text( $sign . abs( $whole ) . '.' . str_pad( (string) abs( $part ), self::MOST_DECIMALS, '0', STR_PAD_LEFT ) );
	}

	/**
	 * Whether an amount is zero.
	 *
	 * @param mixed $amount A number, or a number as text.
	 * @return bool
	 */
	public static function is_zero( $amount ) {
		return '' === trim( self::text( $amount ), '-0.' );
	}

	/**
	 * The parts of an amount.
	 *
	 * @param mixed $amount A number, or a number as text.
	 * @return string[] A minus or nothing, the whole number without leading zeros, the decimals.
	 */
	private static function parts( $amount ) {
		$found = array();
		if ( is_string( $amount ) && 1 === preg_match( self::DECIMAL, trim( $amount ), $found ) ) {
			$decimals = isset( $found[3] ) ? $found[3] : '';
			if ( strlen( rtrim( $decimals, '0' ) ) <= self::MOST_DECIMALS ) {
				return self::signed( $found[1], $found[2], $decimals );
			}
		}
		$text = number_format( is_numeric( $amount ) ? (float) $amount : 0.0, is_string( $amount ) ? self::MOST_DECIMALS : self::FLOAT_DECIMALS, '.', '' );
		preg_match( self::DECIMAL, $text, $found );
		return self::signed( $found[1], $found[2], $found[3] );
	}

	/**
	 * The parts, with a minus only if the amount is not zero.
	 *
	 * @param string $sign     A plus, a minus or nothing.
	 * @param string $whole    The whole number.
	 * @param string $decimals The decimals.
	 * @return string[]
	 */
	private static function signed( $sign, $whole, $decimals ) {
		$is_zero = '' === $whole && '' === trim( $decimals, '0' );
		return array( '-' === $sign && ! $is_zero ? '-' : '', '' === $whole ? '0' : $whole, $decimals );
	}

	/**
	 * An amount as two whole numbers with its sign.
	 *
	 * @param mixed $amount A number, or a number as text.
	 * @return int[] The whole number, and the rest in units of the last decimal.
	 */
	private static function integers( $amount ) {
		list( $sign, $whole, $decimals ) = self::parts( $amount );
		$factor = '-' === $sign ? -1 : 1;
		return array( $factor * (int) $whole, $factor * (int) substr( str_pad( $decimals, self::MOST_DECIMALS, '0' ), 0, self::MOST_DECIMALS ) );
	}
}
