<?php
/**
 * One field of a form.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * A field of a form; in an entry, with its value.
 */
final class Form_Field {

	/**
	 * The field's id in its form.
	 *
	 * @var string
	 */
	public $key;

	/**
	 * The field's label.
	 *
	 * @var string
	 */
	public $label;

	/**
	 * The type that the form plugin gives it.
	 *
	 * @var string
	 */
	public $type;

	/**
	 * The value: text, number, boolean, or a nested list of these.
	 *
	 * @var mixed
	 */
	public $value;

	/**
	 * Takes the field's properties.
	 *
	 * @param string|int $key   The field's id.
	 * @param string     $label Its label; if empty, the id is used.
	 * @param string     $type  Its type.
	 * @param mixed      $value The value.
	 */
	public function __construct( $key, $label, $type, $value = '' ) {
		$this->key   = (string) $key;
		$this->label = Text::line( $label );
		$this->type  = (string) $type;
		$this->value = $value;
		if ( '' === $this->label ) {
			$this->label = Text::line( $this->key );
		}
	}

	/**
	 * The value as text. Several values are joined, so that a mapping does not depend on how the field is built.
	 *
	 * @return string
	 */
	public function text() {
		if ( Field_Types::is_consent( $this->type ) ) {
			return $this->is_checked() ? 'yes' : 'no';
		}
		return Text::clean( self::join_values( $this->value ) );
	}

	/**
	 * Whether a checkbox is checked.
	 *
	 * @return bool
	 */
	public function is_checked() {
		return ! in_array( strtolower( self::join_values( $this->value ) ), array( '', '0', 'no', 'off', 'false' ), true );
	}

	/**
	 * A value as text.
	 *
	 * @param mixed $value The value.
	 * @return string
	 */
	private static function join_values( $value ) {
		if ( is_bool( $value ) ) {
			return $value ? '1' : '';
		}
		if ( is_scalar( $value ) ) {
			return trim( (string) $value );
		}
		if ( is_object( $value ) ) {
			$value = get_object_vars( $value );
		}
		return is_array( $value ) ? implode( ', ', array_filter( array_map( array( __CLASS__, 'join_values' ), $value ), 'strlen' ) ) : '';
	}
}
