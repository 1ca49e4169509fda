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
	 * The names of the parts of a name and of an address, for all form plugins. Those of an address are named as in orders.
	 */
	const NAME_PARTS    = array( 'prefix', 'first_name', 'middle_name', 'last_name', 'suffix' );
	const ADDRESS_PARTS = array( 'address_1', 'address_2', 'city', 'state', 'postcode', 'country' );

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
	 * What it is for the gateway: one of the kinds of Field_Types.
	 *
	 * @var string
	 */
	public $kind;

	/**
	 * The value: text, number, boolean, or a nested list of these.
	 *
	 * @var mixed
	 */
	public $value;

	/**
	 * How the form plugin stores the value: one of the formats of Plain_Text.
	 *
	 * @var string
	 */
	public $format = Plain_Text::TYPED;

	/**
	 * Whether its files get an address that can be sent.
	 *
	 * @var bool
	 */
	public $has_address = true;

	/**
	 * Whether a checked box means no.
	 *
	 * @var bool
	 */
	public $is_inverted = false;

	/**
	 * The first and the last name, if the form asks for them separately: their labels, kinds and values.
	 *
	 * @var array[]
	 */
	public $parts = array();

	/**
	 * The parts of a name or an address, by the names of NAME_PARTS and ADDRESS_PARTS.
	 *
	 * @var string[]
	 */
	public $named_parts = array();

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
		$this->label = Plain_Text::from_title( $label );
		$this->type  = (string) $type;
		$this->kind  = Field_Types::kind( $this->type );
		$this->value = $value;
		if ( '' === $this->label ) {
			$this->label = Plain_Text::from_title( $this->key );
		}
	}

	/**
	 * Adds the parts of a name, the first and the last name also under labels of their own, and makes the whole name of them.
	 *
	 * @param array[] $parts In the order in which they are read, each with label, kind (one of NAME_PARTS; any other is only in
	 *                       the whole name) and value.
	 */
	public function set_parts( array $parts ) {
		$words = array();
		foreach ( $parts as $part ) {
			$text = $this->plain( $part['value'] );
			if ( '' === $text ) {
				continue;
			}
			$words[] = $text;
			if ( in_array( $part['kind'], self::NAME_PARTS, true ) ) {
				$this->named_parts[ $part['kind'] ] = $text;
			}
			if ( in_array( $part['kind'], array( Field_Types::FIRST_NAME, Field_Types::LAST_NAME ), true ) ) {
				$this->parts[] = array(
					'label' => $this->label . ' (' . Plain_Text::from_title( $part['label'] ) . ')',
					'kind'  => $part['kind'],
					'value' => $text,
				);
			}
		}
		$this->value  = implode( ' ', $words );
		$this->format = Plain_Text::TYPED;
	}

	/**
	 * Adds the parts of an address. The value stays the whole address.
	 *
	 * @param array    $values The parts, by the names of the form plugin.
	 * @param string[] $names  For each of ADDRESS_PARTS its name there.
	 */
	public function set_address( array $values, array $names ) {
		foreach ( $names as $part => $name ) {
			$text = isset( $values[ $name ] ) ? $this->plain( $values[ $name ] ) : '';
			if ( '' !== $text ) {
				$this->named_parts[ $part ] = $text;
			}
		}
	}

	/**
	 * Whether it is never sent, so that it cannot be selected.
	 *
	 * @return bool
	 */
	public function is_never_sent() {
		return Field_Types::is_secret( $this->type ) || ( Field_Types::FILE === $this->kind && ! $this->has_address );
	}

	/**
	 * The value as it is sent: text, or a list of texts where several choices were possible.
	 *
	 * @return string|string[]
	 */
	public function sent_value() {
		switch ( $this->sent_kind() ) {
			case Field_Types::CONSENT:
				return $this->is_checked() ? 'yes' : 'no';
			case Field_Types::FILE:
				$urls = $this->urls( $this->value );
				return count( $urls ) > 1 ? $urls : implode( '', $urls );
			case Field_Types::CHOICES:
				return array_values( array_filter( array_map( array( $this, 'plain' ), (array) $this->value ), 'strlen' ) );
		}
		return $this->plain( $this->value );
	}

	/**
	 * The kind of what is sent. A field with a list of values is one with several choices, whatever its type says.
	 *
	 * @return string
	 */
	public function sent_kind() {
		return Field_Types::CHOICE === $this->kind && is_array( $this->value ) && count( $this->value ) > 1 ? Field_Types::CHOICES : $this->kind;
	}

	/**
	 * Whether a checkbox means yes.
	 *
	 * @return bool
	 */
	public function is_checked() {
		$is_checked = ! in_array( strtolower( $this->plain( $this->value ) ), array( '', '0', 'no', 'off', 'false' ), true );
		return $is_checked !== $this->is_inverted;
	}

	/**
	 * A value as text. Nested values are joined.
	 *
	 * @param mixed $value The value.
	 * @return string
	 */
	private function plain( $value ) {
		if ( is_bool( $value ) ) {
			return $value ? '1' : '';
		}
		if ( is_scalar( $value ) ) {
			return trim( Plain_Text::of( $value, $this->format ) );
		}
		if ( is_object( $value ) ) {
			$value = get_object_vars( $value );
		}
		return is_array( $value ) ? implode( ', ', array_filter( array_map( array( $this, 'plain' ), $value ), 'strlen' ) ) : '';
	}

	/**
	 * The web addresses in a value. Form plugins store one, a list, a JSON text, or a text with separators; anything else,
	 * such as a path on the server, is not an address.
	 *
	 * @param mixed $value The value.
	 * @return string[]
	 */
	private function urls( $value ) {
		$found = array();
		if ( is_array( $value ) || is_object( $value ) ) {
			foreach ( (array) $value as $one ) {
				$found = array_merge( $found, $this->urls( $one ) );
			}
		} elseif ( is_string( $value ) ) {
			$list = '[' === substr( ltrim( $value ), 0, 1 ) ? json_decode( $value, true ) : null;
			if ( is_array( $list ) ) {
				return $this->urls( $list );
			}
			// Gravity Forms appends the title of an image after "|:|".
			foreach ( preg_split( '/\s*,\s+|\s+|\|:\|/', $value ) as $one ) {
				if ( 1 === preg_match( '~^https?://[^\s/]~i', $one ) ) {
					$found[] = esc_url_raw( $one, array( 'http', 'https' ) );
				}
			}
		}
		return array_values( array_unique( array_filter( $found ) ) );
	}
}
